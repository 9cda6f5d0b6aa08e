import type { CarrierFault } from '../../lib/demo/carrier-fault.ts'

export type { CarrierFault } from '../../lib/demo/carrier-fault.ts'

/** A simulated carrier, as demo and drills use it. It runs as a process of its own, so that killing it is real. */
export interface Carrier {
  readonly id: string
  /** Where it takes calls: the target of its trunk, `sip:HOST:PORT`. Its calls come from the same address and port. */
  readonly uri: string
  /** Resolves when the fault is in force, in place of the one before. Calls already up go on, but for `silent`, `mute` and `loss`. */
  setFault(fault: CarrierFault): Promise<void>
  /** A call into Tandem; resolves with its final answer. Follows a 302 to its Contacts in order, as carriers that follow do. */
  place(call: CarrierCall): Promise<PlacedCall>
  /** What happens at this carrier from now on; gives back the end of listening. Listeners survive `kill` and `revive`. */
  onEvent(listener: (event: CarrierEvent) => void): () => void
  /** kill -9: nobody is told, calls just stop. */
  kill(): Promise<void>
  /** A new process, well, at the same address. Calls from before are forgotten. */
  revive(): Promise<void>
  /** SIGSTOP: it stands still, and what comes waits in its sockets. */
  freeze(): Promise<void>
  /** SIGCONT: it goes on where it stood, and answers what has waited. */
  thaw(): Promise<void>
  close(): Promise<void>
}

export interface CarrierCall {
  readonly uri: string
  /** The user part of From. */
  readonly from: string
  /** The carrier hangs up this long after the answer. */
  readonly seconds: number
}

/** What a carrier sees of the calls that Tandem places over it; `atMs` is wall time. `number` is the one dialled: it tells calls of a drill apart. */
export type CarrierEvent = SeenCall &
  (
    | { readonly kind: 'invite' }
    | { readonly kind: 'refused'; readonly status: number }
    | { readonly kind: 'ringing' }
    | { readonly kind: 'answered' }
    /** The longest time without an RTP packet while the call was up; null: it was not. */
    | { readonly kind: 'ended'; readonly by: 'carrier' | 'tandem'; readonly longestGapMs: number | null }
  )

interface SeenCall {
  readonly atMs: number
  readonly sipCallId: string
  readonly number: string
}

/** A call that the carrier placed into Tandem. */
export interface PlacedCall {
  /** The final status, and how many 302 were followed to get it. Null where no final answer came. */
  readonly status: number | null
  readonly redirects: number
  /** From the first INVITE to the final answer. */
  readonly setupMs: number
  /** RTP packets that came back, and the longest time without one while the call was up. Resolves at its end. */
  readonly ended: Promise<CallEnd>
}

/** How a call went that a carrier placed. */
export interface CallEnd {
  readonly packetsIn: number
  readonly longestGapMs: number
  readonly by: 'carrier' | 'tandem'
}
