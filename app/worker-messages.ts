import type { CallOrder, OrderOutcome } from '../lib/call/call-order.ts'
import type { Config } from '../lib/config/resolve.ts'
import type { GuestVerdict } from './sip/server.ts'

/** What a node asks of a process that handles a part of its calls. */
export type ToCallWorker =
  | { readonly kind: 'start'; readonly config: Config; readonly node: NodeOfWorker }
  | { readonly kind: 'reload'; readonly config: Config }
  | { readonly kind: 'order'; readonly ask: number; readonly call: string; readonly order: CallOrder }
  /** The node may have been taken for dead: whose are its calls? */
  | { readonly kind: 'doubt' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' }

/** What such a process tells its node. */
export type FromCallWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'obeyed'; readonly ask: number; readonly outcome: OrderOutcome }
  | { readonly kind: 'drained' }
  /** What came of the credentials of a source that the node's SIP server let in. */
  | { readonly kind: 'guest'; readonly address: string; readonly verdict: GuestVerdict }

/** The node that a process works for. */
export interface NodeOfWorker {
  readonly id: string
  readonly dataDir: string
  /** Whether the node has the SIP server itself, and so knows strangers before an application sees them. */
  readonly hasServer: boolean
}
