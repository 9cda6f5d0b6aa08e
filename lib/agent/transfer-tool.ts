import { TRANSFER_CALL } from '../tool/names.ts'
import type { FunctionCall } from './protocol.ts'
import { change, tell, type Work } from './session-work.ts'
import { onToolDone, reject } from './tool-answers.ts'
import { toolError } from './tool-calls.ts'

/** The caller is to be put through to a person; the agent stays with them until that is done, or has come to nothing. */
export function onTransferCall(work: Work, call: FunctionCall, to: string): void {
  if (work.state.transfer !== null) return reject(work, call, 'a transfer is under way already')
  change(work, { transfer: { callId: call.callId, sinceMs: work.nowMs } })
  tell(work, { kind: 'agent.transfer', callId: call.callId, to })
}

/** What came of it. @param problem why the caller is still with the agent; null: they are put through */
export function onTransferred(work: Work, callId: string, problem: string | null): void {
  const { transfer } = work.state
  if (transfer?.callId !== callId) return
  change(work, { transfer: null })
  onToolDone(work, {
    ...{ callId, name: TRANSFER_CALL, ok: problem === null, tookMs: Math.round(work.nowMs - transfer.sinceMs) },
    ...(problem === null
      ? { output: '{"ok":true,"transferred":true}', isLast: true }
      : { output: toolError(`The caller was not put through: ${problem}`), message: problem }),
  })
}
