import type { CarrierFact, DrillCall, DrillFacts, NodeFact, RecordFact } from '../../../lib/drill/facts.ts'

/** The moment of the fault in the stories of these tests. */
export const FAULT = 100_000

/** A run in which nothing happened. */
export const NOTHING: DrillFacts = {
  subject: 'trunk',
  broken: { trunk: 'a', carrier: 'alpha' },
  standby: { trunk: 'b', carrier: 'beta' },
  deadNode: null,
  faultAtMs: FAULT,
  silence: null,
  wellAtMs: FAULT + 6_000,
  calls: [],
  carrierEvents: [],
  nodeEvents: [],
  records: [],
}

/** Moments of a call are relative to the fault. */
export interface CallStory {
  readonly number: string
  readonly atMs: number
  /** Null: never. */
  readonly answeredMs: number | null
  readonly endedMs: number | null
  readonly over: 'a' | 'b' | null
  readonly mos?: number
  /** Packets heard; all that the time between answer and end has, unless told otherwise. */
  readonly packets?: number
}

/** An outbound call with what its carrier saw of it and its record. */
export function outbound(story: CallStory): Pick<DrillFacts, 'calls' | 'carrierEvents' | 'records'> {
  const { number, atMs, answeredMs, endedMs, over, mos = 4.4 } = story
  const seen =
    over === null || answeredMs === null ? [] : rings(over === 'a' ? 'alpha' : 'beta', number, answeredMs, endedMs)
  return {
    calls: [{ atMs: FAULT + atMs, direction: 'outbound', number, id: `id-${number}`, status: null }],
    carrierEvents: seen,
    records: [
      {
        id: `id-${number}`,
        direction: 'outbound',
        from: 'us',
        to: number,
        trunk: over,
        sipCallId: over === 'b' ? `beta-${number}` : `alpha-${number}`,
        answeredAtMs: answeredMs === null ? null : FAULT + answeredMs,
        endedAtMs: endedMs === null ? null : FAULT + endedMs,
        cause: endedMs === null ? null : answeredMs === null ? 'trunk-fault' : 'normal',
        firstInviteAtMs: FAULT + atMs,
        attempts: 1,
        audioIn:
          answeredMs === null || endedMs === null
            ? null
            : { packets: story.packets ?? (endedMs - answeredMs) / 20, lost: 0, mos },
      },
    ],
  }
}

/** A phone that rings and is answered 50 ms later, as its carrier tells it. */
export function rings(
  carrier: string,
  number: string,
  answeredMs: number,
  endedMs: number | null,
): readonly CarrierFact[] {
  const common = { carrier, number, sipCallId: `${carrier}-${number}`, longestGapMs: null }
  const end: CarrierFact[] = endedMs === null ? [] : [{ ...common, kind: 'ended', atMs: FAULT + endedMs }]
  return [
    { ...common, kind: 'invite', atMs: FAULT + answeredMs - 50 },
    { ...common, kind: 'ringing', atMs: FAULT + answeredMs - 50 },
    { ...common, kind: 'answered', atMs: FAULT + answeredMs },
    ...end,
  ]
}

export const inbound = (number: string, atMs: number, status: number | null): DrillCall => ({
  atMs: FAULT + atMs,
  direction: 'inbound',
  number,
  id: null,
  status,
})

export const inboundRecord = (number: string, cause = 'normal'): RecordFact => ({
  id: `in-${number}-${cause}`,
  direction: 'inbound',
  from: number,
  to: 'us',
  trunk: 'b',
  sipCallId: number,
  answeredAtMs: null,
  endedAtMs: FAULT,
  cause,
  firstInviteAtMs: null,
  attempts: 0,
  audioIn: null,
})

export const state = (node: string, atMs: number, from: string, to: string, channel = 'calls'): NodeFact => ({
  ...SILENT_FIELDS,
  node,
  atMs: FAULT + atMs,
  event: 'trunk.state',
  from,
  to,
  channel,
  reason: 'because',
})

export const attempt = (node: string, atMs: number, blame: string): NodeFact => ({
  ...SILENT_FIELDS,
  node,
  atMs: FAULT + atMs,
  event: 'call.attempt',
  blame,
})

/** Whatever else a node tells. */
export const told = (node: string, atMs: number, event: string, more: Partial<NodeFact> = {}): NodeFact => ({
  ...SILENT_FIELDS,
  trunk: null,
  node,
  atMs: FAULT + atMs,
  event,
  ...more,
})

/** An agent of a call is lost, or back after `gapMs`. */
export const agentEvent = (atMs: number, call: string, gapMs: number | null = null): NodeFact => ({
  ...SILENT_FIELDS,
  node: 'east',
  trunk: null,
  atMs: FAULT + atMs,
  event: gapMs === null ? 'agent.lost' : 'agent.reconnected',
  call,
  gapMs,
})

const SILENT_FIELDS = {
  trunk: 'a',
  from: null,
  to: null,
  channel: null,
  reason: null,
  blame: null,
  call: null,
  gapMs: null,
  lost: null,
}

/** All of these stories in one run. */
export const together = (...parts: readonly Partial<DrillFacts>[]): DrillFacts => ({
  ...NOTHING,
  calls: parts.flatMap(({ calls = [] }) => calls),
  carrierEvents: parts.flatMap(({ carrierEvents = [] }) => carrierEvents),
  nodeEvents: parts.flatMap(({ nodeEvents = [] }) => nodeEvents),
  records: parts.flatMap(({ records = [] }) => records),
})
