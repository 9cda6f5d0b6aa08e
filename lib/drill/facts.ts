/** What happened in one run of a drill, as everyone who saw it says. Moments are wall time in milliseconds, of one machine. */
export interface DrillFacts {
  /** What was broken: the trunk; the agents' server, a store, or a node, for all calls over the trunk. */
  readonly subject: DrillSubject
  /** The trunk that is broken, and the carrier behind it. */
  readonly broken: Place
  readonly standby: Place
  /** The node that was killed; null: none was. */
  readonly deadNode: string | null
  readonly faultAtMs: number
  /**
   * Whether the carrier went silent, and so nobody heard what it said to what had just come in: its line was cut or it stood still, or its
   * process died, and with it whatever rang there.
   */
  readonly silence: 'unheard' | 'dead' | null
  /** The carrier is well again. */
  readonly wellAtMs: number
  readonly calls: readonly DrillCall[]
  readonly carrierEvents: readonly CarrierFact[]
  readonly nodeEvents: readonly NodeFact[]
  /** Records of the calls of this run, once all had ended or the wait for it was over. */
  readonly records: readonly RecordFact[]
}

export type DrillSubject = 'trunk' | 'agents' | 'stores' | 'node'

interface Place {
  readonly trunk: string
  readonly carrier: string
}

/** A call that the drill placed. */
export interface DrillCall {
  readonly atMs: number
  readonly direction: 'outbound' | 'inbound'
  /** Of this call alone: the number dialled, of an inbound call that of the caller. */
  readonly number: string
  /** The call's id, as the node that took the order said; null: inbound, or the order was refused. */
  readonly id: string | null
  /** Final status, of an inbound call; null: outbound, or none came. */
  readonly status: number | null
}

/** What a carrier saw of a call that came to it. */
export interface CarrierFact {
  readonly carrier: string
  readonly kind: 'invite' | 'refused' | 'ringing' | 'answered' | 'ended'
  readonly atMs: number
  readonly sipCallId: string
  readonly number: string
  /** Of `ended`: the longest time for which the callee heard nothing of a call that was up. */
  readonly longestGapMs: number | null
}

/** An event of a node, as far as drills look at it. */
export interface NodeFact {
  readonly atMs: number
  readonly node: string
  readonly event: string
  readonly trunk: string | null
  /** Of `trunk.state`. */
  readonly from: string | null
  readonly to: string | null
  readonly channel: string | null
  readonly reason: string | null
  /** Of `call.attempt`. */
  readonly blame: string | null
  /** The call it is about. */
  readonly call: string | null
  /** Of `agent.reconnected`. */
  readonly gapMs: number | null
  /** Of `node.lost`: which. */
  readonly lost: string | null
}

/** A call record of the API, as far as drills look at it. */
export interface RecordFact {
  readonly id: string
  readonly direction: 'outbound' | 'inbound'
  readonly from: string
  readonly to: string
  readonly trunk: string | null
  readonly sipCallId: string
  readonly answeredAtMs: number | null
  readonly endedAtMs: number | null
  readonly cause: string | null
  /** Of the first INVITE; null: none left. */
  readonly firstInviteAtMs: number | null
  readonly attempts: number
  /** What the far end sent; null: the call had no audio. */
  readonly audioIn: { readonly packets: number; readonly lost: number; readonly mos: number | null } | null
}
