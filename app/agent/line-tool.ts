import type { ToolResult } from '../../lib/agent/session-state.ts'
import { toolError } from '../../lib/agent/tool-calls.ts'
import { PAUSE_RECORDING, RESUME_RECORDING, SEND_DTMF } from '../../lib/tool/names.ts'
import type { Line, PressOutcome } from '../media/talker.ts'

export interface LineToolCall {
  readonly callId: string
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** Performs a tool of ours that acts on the line; null where it is none. The arguments are known to fit. */
export function runLineTool(line: Line | null, { callId, name, arguments: args }: LineToolCall): ToolResult | null {
  const result = (problem: string | null, told: object): ToolResult => ({
    ...{ callId, name, ok: problem === null, tookMs: 0 },
    output: problem === null ? JSON.stringify({ ok: true, ...told }) : toolError(problem),
    ...(problem !== null && { message: problem }),
  })
  if (name === SEND_DTMF) return result(NOT_PRESSED[line?.press(String(args.digits)) ?? 'unable'], {})
  if (name !== PAUSE_RECORDING && name !== RESUME_RECORDING) return null
  const recording = name === RESUME_RECORDING
  return result(line?.record(recording) === true ? null : 'this call is not recorded', { recording })
}

const NOT_PRESSED: Readonly<Record<PressOutcome, string | null>> = {
  pressed: null,
  'not-agreed': 'no keys can be sent: the other side takes none',
  refused: 'too many keys wait to be sent: none of these was',
  unable: 'no keys can be sent on this line',
}
