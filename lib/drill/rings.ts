import type { CarrierFact, DrillFacts } from './facts.ts'

/** One INVITE that made a phone ring, or was answered. */
interface Ring {
  readonly carrier: string
  readonly sipCallId: string
  readonly fromMs: number
  /** Infinity: nobody has ended it. */
  readonly untilMs: number
}

export interface RingCounts {
  /** Calls whose callee was rung, or answered, by more than one INVITE, where the surplus was not taken back at once. */
  readonly doubleRings: number
  /** Calls where the surplus was: an INVITE that had been given up was found by a carrier that woke up, or had rung behind a line just cut. */
  readonly lateRings: number
}

/** A 2xx that nobody acknowledges is sent again after at most T2 (RFC 3261 §13.3.1.4): so late a carrier that was cut off is heard again. */
const T2_MS = 4_000

/**
 * Counts callees that heard of one call twice, over whichever carrier. A call's own ring is that of its record, else the longest; the
 * one too many may last `atOnceMs` until Tandem has taken it back, by CANCEL, or by ACK and BYE. Where the carrier's line was cut, nobody can
 * before the carrier is heard again: until then it is not late.
 */
export function countRings(facts: DrillFacts, atOnceMs: number): RingCounts {
  const { carrierEvents, records } = facts
  const ownCallIds = new Map(records.map(({ to, sipCallId }) => [to, sipCallId]))
  let doubleRings = 0
  let lateRings = 0
  for (const [number, rings] of ringsByNumber(carrierEvents, facts)) {
    if (rings.length < 2) continue
    const own = rings.find(({ sipCallId }) => sipCallId === ownCallIds.get(number)) ?? longest(rings)
    const surplus = rings.filter((ring) => ring !== own)
    if (surplus.some((ring) => lengthMs(ring) > atOnceMs + unheardMs(ring, facts))) doubleRings++
    else lateRings++
  }
  return { doubleRings, lateRings }
}

function ringsByNumber(events: readonly CarrierFact[], facts: DrillFacts): ReadonlyMap<string, readonly Ring[]> {
  const byInvite = new Map<string, CarrierFact[]>()
  for (const event of events) {
    const key = `${event.carrier} ${event.sipCallId} ${event.number}`
    byInvite.set(key, [...(byInvite.get(key) ?? []), event])
  }
  const byNumber = new Map<string, Ring[]>()
  for (const seen of byInvite.values()) {
    const [first] = seen
    const ring = ringOf(seen, facts)
    if (first !== undefined && ring !== null) byNumber.set(first.number, [...(byNumber.get(first.number) ?? []), ring])
  }
  return byNumber
}

/** Null: no phone rang. */
function ringOf(seen: readonly CarrierFact[], { silence, broken, faultAtMs }: DrillFacts): Ring | null {
  const heard = seen.filter(({ kind }) => kind === 'ringing' || kind === 'answered')
  const ends = seen.filter(({ kind }) => kind === 'ended' || kind === 'refused')
  const [first] = heard
  if (first === undefined) return null
  const { carrier, sipCallId } = first
  const fromMs = Math.min(...heard.map(({ atMs }) => atMs))
  // A process that dies ends its rings and tells nobody.
  const deathMs = silence === 'dead' && carrier === broken.carrier && fromMs < faultAtMs ? faultAtMs : Infinity
  return { carrier, sipCallId, fromMs, untilMs: Math.min(deathMs, ...ends.map(({ atMs }) => atMs)) }
}

/** How much of a ring fell to a time in which no word of its carrier could be heard. */
function unheardMs({ carrier, fromMs, untilMs }: Ring, { silence, broken, faultAtMs, wellAtMs }: DrillFacts): number {
  if (silence !== 'unheard' || carrier !== broken.carrier || untilMs < faultAtMs || fromMs >= wellAtMs) return 0
  return wellAtMs + T2_MS - Math.max(fromMs, faultAtMs)
}

const lengthMs = ({ fromMs, untilMs }: Ring): number => untilMs - fromMs

const longest = (rings: readonly Ring[]): Ring | undefined => rings.toSorted((a, b) => lengthMs(b) - lengthMs(a))[0]
