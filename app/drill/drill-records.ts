import { setTimeout as delay } from 'node:timers/promises'
import type * as z from 'zod'
import type { RecordFact } from '../../lib/drill/facts.ts'
import { type callAnswer, callsAnswer } from '../api/answers.ts'
import type { DemoNode } from '../demo/demo-node.ts'
import type { NodeApi } from '../demo/node-api.ts'

const PAGE = 200
const POLL_MS = 200
/** A call that was hung up is closed when nobody has answered its BYE for a while. */
const END_TIMEOUT_MS = 15_000

export interface RecordsWanted {
  readonly sinceMs: number
  /** Calls that nodes have taken. One that was placed a moment ago may not be on record yet. */
  readonly ids: readonly string[]
  /** Calls are answered by then: whoever still rings, at a carrier that died meanwhile, is given up. */
  readonly patienceMs: number
}

/** Hangs everybody up who is still on the line once those that ring are answered, and gives the records since a moment when all have ended. */
export async function endedRecords(
  nodes: readonly DemoNode[],
  { sinceMs, ids, patienceMs }: RecordsWanted,
  signal: AbortSignal,
): Promise<readonly RecordFact[]> {
  const [{ api } = { api: null }] = nodes
  if (api === null) return []
  const since = new Date(sinceMs).toISOString()
  const settled = (calls: Calls): boolean => {
    const known = new Set(calls.map(({ id }) => id))
    return ids.every((id) => known.has(id)) && calls.every(({ state }) => state === 'active' || state === 'ended')
  }
  const read = (): Promise<Calls> => allSince(api, since)
  const placed = await readUntil(read, settled, patienceMs, signal)
  for (const { id, node, state } of placed) {
    if (state === 'ended') continue
    const own = nodes.find((each) => each.id === node)
    await own?.api.json(`/api/v1/calls/${id}`, { method: 'DELETE' }).catch(() => undefined)
  }
  const ended = (calls: Calls): boolean => calls.every(({ state }) => state === 'ended')
  return (await readUntil(read, ended, END_TIMEOUT_MS, signal)).map(recordFact)
}

type Calls = readonly z.output<typeof callAnswer>[]

/** Reads again and again until what was read is as wanted, or the time is over; gives back what was read last. */
async function readUntil(
  read: () => Promise<Calls>,
  isWanted: (calls: Calls) => boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Calls> {
  const giveUpAtMs = performance.now() + timeoutMs
  let calls = await read()
  while (!isWanted(calls) && performance.now() < giveUpAtMs) {
    await delay(POLL_MS, undefined, { signal })
    calls = await read()
  }
  return calls
}

async function allSince(api: NodeApi, since: string): Promise<Calls> {
  const calls: Calls[number][] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after: string = cursor === '' ? '' : `&cursor=${cursor}`
    const page = callsAnswer.parse(await api.json(`/api/v1/calls?since=${since}&limit=${PAGE}${after}`))
    calls.push(...page.calls)
    cursor = page.next
  }
  return calls
}

function recordFact(call: z.output<typeof callAnswer>): RecordFact {
  const [first] = call.attempts
  return {
    id: call.id,
    direction: call.direction,
    from: call.from,
    to: call.to,
    trunk: call.trunk,
    sipCallId: call.sip.callId,
    answeredAtMs: moment(call.answeredAt),
    endedAtMs: moment(call.endedAt),
    cause: call.end?.cause ?? null,
    firstInviteAtMs: moment(first?.startedAt ?? null),
    attempts: call.attempts.length,
    audioIn: call.media === null ? null : call.media.in,
  }
}

const moment = (text: string | null): number | null => (text === null ? null : Date.parse(text))
