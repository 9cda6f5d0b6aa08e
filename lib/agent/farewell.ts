import { ACCEPT_CALL, DECLINE_CALL, HANG_UP } from '../tool/names.ts'
import type { FunctionCall } from './protocol.ts'
import type { AgentNews, HangUp } from './session-state.ts'
import { change, tell, type Work } from './session-work.ts'
import { onToolDone } from './tool-answers.ts'
import { toolError } from './tool-calls.ts'

/** How long what the agent says before it leaves may take. */
const DEADLINE_MS = 30_000
const MAX_REASON_CHARS = 256

/** Tools by which the agent leaves the line, once what it is saying has been heard. */
const FAREWELLS: ReadonlySet<string> = new Set<HangUp['name']>([HANG_UP, ACCEPT_CALL, DECLINE_CALL])

export const isFarewell = (name: string): name is HangUp['name'] => FAREWELLS.has(name)

/** The agent is about to leave the line. */
export function beginFarewell(
  work: Work,
  name: HangUp['name'],
  responseId: string,
  { callId }: Pick<FunctionCall, 'callId'>,
  reason: unknown,
): void {
  change(work, {
    hangUp: {
      name,
      callId,
      responseId,
      reason: typeof reason === 'string' ? reason.slice(0, MAX_REASON_CHARS) : '',
      beganAtMs: work.nowMs,
      deadlineMs: work.nowMs + DEADLINE_MS,
      responseDone: false,
    },
  })
}

/** Leaves when everything said before has been played, or has taken too long. */
export function leaveWhenHeard(work: Work): void {
  const { hangUp, ledger } = work.state
  if (hangUp === null) return
  const heard = hangUp.responseDone && ledger.length === 0
  if (!heard && work.nowMs < hangUp.deadlineMs) return
  change(work, { hangUp: null })
  answer(work, hangUp, null)
  tell(work, newsOf(hangUp))
}

/** The caller speaks up while the agent is about to hang up: the call goes on, and the agent learns that it does. */
export function forgoHangUp(work: Work): void {
  const { hangUp, phase } = work.state
  if (hangUp?.name !== HANG_UP || phase !== 'up') return
  change(work, { hangUp: null })
  answer(work, hangUp, 'the caller began to speak')
}

const newsOf = ({ name, reason }: HangUp): AgentNews =>
  name === HANG_UP ? { kind: 'hangUp', reason } : { kind: 'agent.briefed', accepts: name === ACCEPT_CALL, reason }

function answer(work: Work, { callId, name, beganAtMs }: HangUp, problem: string | null): void {
  const tookMs = Math.round(work.nowMs - beganAtMs)
  if (problem === null) return onToolDone(work, { callId, name, ok: true, output: '{"ok":true}', tookMs })
  const output = toolError(`${problem}: the call goes on`)
  onToolDone(work, { callId, name, ok: false, output, tookMs, message: problem })
}
