import type { CarrierFault } from '../../lib/demo/carrier-fault.ts'
import type { CallEnd, CarrierCall, CarrierEvent } from './carrier-port.ts'

/** What a carrier's process is started with, as JSON in its first argument. */
export interface CarrierProcessOptions {
  readonly id: string
  /** An address of 127.0.0.0/8, or `::1`. */
  readonly host: string
  readonly port: number
  /** From the 180 to the 200. */
  readonly ringMs: number
  /** A callee hangs up this long after the answer; null: never, until the other side does. */
  readonly talkMs: number | null
}

/** What the parent asks of a carrier's process. Requests are numbered; each gets `done`, `placed` or `failed`. */
export type ToCarrier =
  | { readonly kind: 'fault'; readonly request: number; readonly fault: CarrierFault }
  | { readonly kind: 'place'; readonly request: number; readonly call: CarrierCall }
  /** Hang up and go. */
  | { readonly kind: 'close' }

export type FromCarrier =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly message: string }
  | { readonly kind: 'done'; readonly request: number }
  | { readonly kind: 'failed'; readonly request: number; readonly message: string }
  | { readonly kind: 'placed'; readonly request: number; readonly placed: PlacedFacts }
  /** The end of a call that was placed by this request. */
  | { readonly kind: 'callEnd'; readonly request: number; readonly end: CallEnd }
  | { readonly kind: 'event'; readonly event: CarrierEvent }

/** A `PlacedCall` without its end. */
export interface PlacedFacts {
  readonly status: number | null
  readonly redirects: number
  readonly setupMs: number
}
