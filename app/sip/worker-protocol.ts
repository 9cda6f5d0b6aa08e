import type { LineState } from './line.ts'
import type { AccessSnapshot, GuestVerdict, SipCounters, SipTraceMessage } from './server-options.ts'
import type { TlsMaterial } from './transport/tls.ts'

/** What the main thread asks of the SIP server's worker. */
export type ToWorker =
  | { readonly kind: 'access'; readonly snapshot: AccessSnapshot }
  | { readonly kind: 'guest'; readonly address: string; readonly verdict: GuestVerdict }
  | { readonly kind: 'line'; readonly state: LineState }
  | { readonly kind: 'tls'; readonly material: TlsMaterial }
  | { readonly kind: 'counters'; readonly id: number }
  | { readonly kind: 'close' }

/** What the worker tells the main thread. */
export type FromWorker =
  | {
      readonly kind: 'ready'
      readonly adminPort: number
      readonly adminTlsPort: number | undefined
      readonly hostports: readonly string[]
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'counters'; readonly id: number; readonly counters: SipCounters }
  | { readonly kind: 'trace'; readonly batch: readonly SipTraceMessage[] }
