import { type History, remember } from './history.ts'
import { endHosted } from './hosted-tools.ts'
import type { LedgerItem } from './ledger.ts'
import { enqueue, isBusy, NEW_SEQUENCER, plainRequest } from './response-sequencer.ts'
import { restore } from './restore.ts'
import { hasBegun, type RefusalCode, type SessionState } from './session-state.ts'
import { change, tell, type Work } from './session-work.ts'
import { endRounds } from './tool-calls.ts'

/** The server cannot go on. The first one refuses the call by that; later another one is looked for. */
export function fail(work: Work, refusal: RefusalCode, code: string, message: string): void {
  const { phase } = work.state
  if (phase === 'lost' || phase === 'closed') return
  if (phase === 'up') return lose(work, code, message)
  change(work, { phase: hasBegun(work.state) ? 'lost' : 'closed' })
  work.effects.push({ kind: 'closeSocket' })
  work.effects.push({ kind: 'refuse', code: refusal, cause: code, message: `${code}: ${message}` })
}

/**
 * The server of a conversation is gone: what is queued is played to its end, what it owed is asked of the next one, and tools that run go
 * on running.
 */
function lose(work: Work, code: string, message: string): void {
  endHosted(work)
  const { state } = work
  for (const item of state.ledger) {
    if (item.receivedSamples > 0 && !item.audioDone) work.effects.push({ kind: 'endItem', itemId: item.itemId })
  }
  // No more will come of any item: each is complete as it is, and one without audio is none.
  const ledger = state.ledger
    .filter((item) => item.receivedSamples > 0)
    .map((item) => ({ ...item, audioDone: true, textDone: true }))
  const unheard =
    work.spec.greeting !== '' &&
    ledger.length === 0 &&
    !state.history.some((item) => item.kind === 'message' && item.role === 'assistant')
  change(work, {
    phase: 'lost',
    ledger,
    // A greeting of which nothing was heard is yet to come.
    greeted: state.greeted && !unheard,
    hangUp: state.hangUp === null ? null : { ...state.hangUp, responseDone: true },
    tools: endRounds(state.tools),
    gap: { sinceMs: work.nowMs, planned: false, owed: owesWord(state) },
    ...NO_RENEWAL,
  })
  work.effects.push({ kind: 'closeSocket' })
  tell(work, { kind: 'agent.lost', code, message })
  work.effects.push({ kind: 'lost', code, message })
}

const NO_RENEWAL = { renewal: 'none', renewAtMs: null } as const

/** Whether the agent was about to say something. What the caller has said and nobody has written down is heard again, and answered by that. */
function owesWord({ responses, discarded, caller, replyDue, hangUp }: SessionState): boolean {
  if (hangUp !== null) return false
  const { active } = responses
  const speaking = active !== null && !discarded.includes(active.responseId)
  const asked = responses.sent !== null || responses.waiting.length > 0
  return speaking || asked || (replyDue && caller.unansweredSinceMs === null)
}

/** A further server is being connected: all that was of the one before is forgotten, but the conversation is not. */
export function onReopening(work: Work, setupMs: number): void {
  const { codec, caller, gap } = work.state
  change(work, {
    phase: 'opening',
    setupDeadlineMs: work.nowMs + setupMs,
    inputCodec: codec,
    outputCodec: codec,
    updates: [],
    caller: { ...caller, speaking: false },
    responses: NEW_SEQUENCER,
    failures: 0,
    replyDue: false,
    lastError: null,
    quietSinceMs: work.nowMs,
    gap: gap ?? { sinceMs: work.nowMs, planned: true, owed: false },
    ...NO_RENEWAL,
  })
}

/** The further server is configured: it learns what was said, and says what is owed. */
export function goOn(work: Work, gap: NonNullable<SessionState['gap']>): void {
  const { history, ledger, caller, started, greeted } = work.state
  const past = ledger.reduce(withSpoken(work.nowMs), history)
  restore(work, past, gap.planned ? 'planned' : 'lost')
  const owed = gap.owed && started && greeted
  if (owed) change(work, { responses: enqueue(work.state.responses, plainRequest([])) })
  change(work, {
    ledger: ledger.map((item) => ({ ...item, restored: true })),
    gap: owed || (started && !greeted) ? gap : null,
  })
  const deafSinceMs = Math.min(gap.sinceMs, caller.unansweredSinceMs ?? gap.sinceMs)
  work.effects.push({ kind: 'ready', back: { gapMs: Math.round(work.nowMs - gap.sinceMs), deafSinceMs } })
}

/** With what is being said, or is yet to be, as though it were heard to its end: where it is cut, that is told later. */
const withSpoken =
  (nowMs: number) =>
  (history: History, { text, beganAtMs }: LedgerItem): History => {
    const words = text.trim()
    if (words === '') return history
    return remember(history, { kind: 'message', role: 'assistant', text: words, atMs: beganAtMs ?? nowMs })
  }

/** The agent is heard again, or the caller takes the word: nobody waits any more. */
export function endGap(work: Work): void {
  if (work.state.phase === 'up' && work.state.gap !== null) change(work, { gap: null })
}

/** Whether a fresh session may take over unheard: nobody speaks, and nothing is under way. */
export function isBetweenTurns({
  started,
  greeted,
  caller,
  responses,
  replyDue,
  ledger,
  tools,
  dtmf,
  cut,
  hangUp,
  updates,
}: SessionState): boolean {
  const quiet = !caller.speaking && !replyDue && ledger.length === 0 && cut === null && hangUp === null
  const idle = !isBusy(responses) && responses.waiting.length === 0 && tools.rounds.length === 0 && updates.length === 0
  return started && greeted && quiet && idle && dtmf.dueAtMs === null
}
