import type { CarrierFault } from '../demo/carrier-fault.ts'
import type { DrillSubject } from './facts.ts'

/**
 * What is done to the broken carrier: one of the faults that carriers simulate, or its process is killed, or stopped for a while. Or to the
 * server of the agents: every socket is cut at once, and new ones are taken again, or refused for a while. Or to a store of both nodes:
 * PostgreSQL is stopped and started again, Redis is killed and comes back empty. Or a node is killed, and started anew later.
 */
export type DrillFault =
  | CarrierFault
  | { readonly kind: 'killed' }
  | { readonly kind: 'frozen' }
  | { readonly kind: 'agents-cut' }
  | { readonly kind: 'agents-away' }
  | { readonly kind: 'postgres-away' }
  | { readonly kind: 'redis-away' }
  | { readonly kind: 'node-killed' }

/** What a fault is of. */
export function subjectOf({ kind }: DrillFault): DrillSubject {
  if (kind === 'agents-cut' || kind === 'agents-away') return 'agents'
  if (kind === 'node-killed') return 'node'
  return kind === 'postgres-away' || kind === 'redis-away' ? 'stores' : 'trunk'
}

/** Calls while a drill runs. Each has a number of its own. */
export interface DrillLoad {
  /** Outbound calls, over both nodes in turn. */
  readonly callsPerSecond: number
  /** From the answer to our hanging up, of calls answered before the fault. */
  readonly callMsBefore: number
  /** Of those answered from the fault on. */
  readonly callMs: number
  /** One call from a carrier this often. */
  readonly inboundEveryMs: number
  /** Whether the broken carrier still sends calls: it cannot where nothing leaves it. */
  readonly inboundFromBroken: boolean
}

/** What a run may cost. No call lost, no callee rung twice and no record missing is promised of every one. */
export interface DrillPromises {
  /** Fault to the first `trunk.state` away from active, `agent.lost`, `store.degraded` or `node.lost`. */
  readonly detectedWithinMs: number
  /** Fault to the first call answered over the standby, the first conversation that went on, the first call answered without the store, or the first call moved. */
  readonly shiftedWithinMs: number
  /** The longest time that a conversation may be without its agent; null: agents are not broken. */
  readonly gapWithinMs: number | null
  /** First INVITE to answer, of every call placed from the fault on. */
  readonly setupWithinMs: number
  /** Attempts on the broken trunk that a node saw fail before it took the trunk out; null: calls do not take it out. */
  readonly faultsToFall: number | null
  /** Times that a node may call the trunk active again while it is broken. */
  readonly returnsWhileBroken: number
  /** Carrier well to active on every node again, which takes its canary, or store well to used by every node; null: not waited for. */
  readonly recoveredWithinMs: number | null
  /** How long a second ring of a callee may last until it is taken back; one that lasts longer is a double ring. */
  readonly takenBackWithinMs: number
  /** Of the calls that were up on a node that was killed: the share that goes on, and the median time for which callees heard nothing. */
  readonly moved?: { readonly shareAtLeast: number; readonly medianGapWithinMs: number }
  /** Mean MOS of the calls over the standby, or of all placed from the fault on. */
  readonly mosAfterAtLeast: number
}

/** One thing that is broken once. */
export interface DrillRun {
  readonly name: string
  /** As a sentence without its full stop, for the timeline. */
  readonly what: string
  readonly fault: DrillFault
  readonly load: DrillLoad
  /** Load before the fault. */
  readonly beforeMs: number
  readonly faultMs: number
  /** Keys of the two trunks that differ from the defaults, as a config has them. */
  readonly settings: Readonly<Record<string, unknown>>
  /** The same in words, for the report. */
  readonly shortened: readonly string[]
  readonly promises: DrillPromises
}

export interface DrillScenario {
  readonly name: string
  /** What breaks, in a sentence. */
  readonly description: string
  /** What nobody can promise of it. */
  readonly notPromised: string
  readonly runs: readonly DrillRun[]
}
