import type { PastItem } from '../../lib/agent/past.ts'
import type { CallId, NodeId, TenantId, TrunkId } from '../../lib/core/ids.ts'
import { inTime } from '../deadline.ts'
import type { SessionStore, TakenUp } from '../store/session-store.ts'
import type { CallerEntry, CallerIndex } from './caller-index.ts'

/** A session that a call goes on with. */
export interface Resumption extends TakenUp {
  /** What was said in it, for the agent. */
  readonly items: readonly PastItem[]
}

/** The call that might go on with one. */
export interface Redial {
  readonly tenant: TenantId
  /** E.164; empty: nobody's, which is never looked up. */
  readonly caller: string
  readonly call: CallId
  readonly node: NodeId
  readonly trunk: TrunkId | null
}

export interface LookUpParts {
  readonly sessions: Pick<SessionStore, 'takeUp' | 'putBack' | 'items'>
  readonly index: Pick<CallerIndex, 'get' | 'set'>
  /** Whether PostgreSQL is known to be away: nobody waits for it then. */
  readonly isAway: () => boolean
  /** Asks whoever has a live session to let go of it, where its leg has gone silent. Never rejects. */
  readonly supersede: (entry: CallerEntry) => Promise<void>
  /** Questions that stores have not answered yet, of all calls of this process. */
  readonly asked: { count: number }
  /** What could not be found out in time, for the log: the call begins anew. */
  readonly onError: (error: unknown) => void
}

/** Questions to stores that stand still: more are not asked, and calls begin anew. */
const MAX_ASKED = 500

/** How long a caller waits for the stores before their call begins a session of its own; who is called back does not wait at all. */
export const PATIENCE_MS = { caller: 250, nobody: 5_000 } as const
/** As much of it, at most, is the shared state's; the rest is PostgreSQL's. */
const INDEX_SHARE = 0.5

/**
 * Looks for the session that a caller was cut off from. Costs a call one question to the shared state; PostgreSQL, which decides, is
 * asked only where that names a session, or cannot be asked. Never rejects, and takes no longer than `patienceMs`, but where a silent leg
 * has to give way first.
 */
export async function lookUp(
  parts: LookUpParts,
  call: Redial,
  patienceMs: number = PATIENCE_MS.caller,
): Promise<Resumption | null> {
  const { isAway, supersede, asked, onError } = parts
  if (call.caller === '' || isAway() || asked.count >= MAX_ASKED) return null
  const askedAtMs = performance.now()
  const entry = await askIndex(parts, call, patienceMs * INDEX_SHARE)
  if (entry === undefined) return null
  const leftMs = patienceMs - (performance.now() - askedAtMs)
  if (entry !== 'unknown' && entry.state === 'live') await supersede(entry)
  const late = (found: Resumption | null): void => void (found !== null && giveBack(parts, found))
  try {
    return await inTime(counted(asked, takeUp(parts, call)), leftMs, 'PostgreSQL is slow', late)
  } catch (error) {
    onError(error)
    return null
  }
}

async function askIndex(
  { index, asked, onError }: LookUpParts,
  { tenant, caller }: Redial,
  ms: number,
): Promise<CallerEntry | undefined | 'unknown'> {
  try {
    return await inTime(counted(asked, index.get(tenant, caller)), ms, 'the shared state is slow', ignore)
  } catch (error) {
    onError(error)
    return 'unknown'
  }
}

/** A call took a session up and does not come to it: it waits for the next one. Never rejects. */
export async function giveBack(
  { sessions, index, onError }: Pick<LookUpParts, 'sessions' | 'index' | 'onError'>,
  taken: TakenUp,
): Promise<void> {
  const { row, from: callId, parked } = taken
  const { at: parkedAt, until: resumableUntil, cause } = parked
  try {
    await sessions.putBack(taken)
    index.set({ ...row, state: 'parked', callId, parkedAt, resumableUntil, cause })
  } catch (error) {
    // It stays as it is, live on a call that is over: a redial begins anew.
    onError(error)
  }
}

async function takeUp({ sessions, index }: LookUpParts, call: Redial): Promise<Resumption | null> {
  const taken = await sessions.takeUp(call)
  if (taken === null) return null
  index.set(taken.row)
  return { ...taken, items: await sessions.items(taken.row.id) }
}

/** Until it is answered, however late that is. */
async function counted<T>(asked: LookUpParts['asked'], question: Promise<T>): Promise<T> {
  asked.count += 1
  try {
    return await question
  } finally {
    asked.count -= 1
  }
}

const ignore = (): void => undefined
