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
  /** The last calls are answered by then: whoever still rings, at a carrier that died meanwhile, is given up. */
  readonly patienceMs: number
}

/** Hangs everybody up who is still on the line, and gives the records of calls since a moment once all have ended. */
export async function endedRecords(
  nodes: readonly DemoNode[],
  { sinceMs, patienceMs }: RecordsWanted,
  signal: AbortSignal,
): Promise<readonly RecordFact[]> {
  const [{ api } = { api: null }] = nodes
  if (api === null) return []
  const since = new Date(sinceMs).toISOString()
  const active = async (): Promise<Page['calls']> => (await page(api, `since=${since}&active=true&limit=${PAGE}`)).calls
  await noneIn(active, (state) => state !== 'active', patienceMs, signal)
  for (const { id, node } of await active()) {
    const own = nodes.find((each) => each.id === node)
    await own?.api.json(`/api/v1/calls/${id}`, { method: 'DELETE' }).catch(() => undefined)
  }
  await noneIn(active, () => true, END_TIMEOUT_MS, signal)
  const records: RecordFact[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after: string = cursor === '' ? '' : `&cursor=${cursor}`
    const answer: Page = await page(api, `since=${since}&limit=${PAGE}${after}`)
    records.push(...answer.calls.map(recordFact))
    cursor = answer.next
  }
  return records
}

type Page = z.output<typeof callsAnswer>

async function noneIn(
  active: () => Promise<Page['calls']>,
  isIn: (state: string) => boolean,
  patienceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const giveUpAtMs = performance.now() + patienceMs
  while (performance.now() < giveUpAtMs && (await active()).some(({ state }) => isIn(state))) {
    await delay(POLL_MS, undefined, { signal })
  }
}

async function page(api: NodeApi, query: string): Promise<Page> {
  return callsAnswer.parse(await api.json(`/api/v1/calls?${query}`))
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
