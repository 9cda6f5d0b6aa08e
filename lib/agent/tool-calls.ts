import { parseJson } from '../core/json.ts'
import type { History } from './history.ts'
import type { FunctionCall } from './protocol.ts'
import { MAX_ARGUMENTS_CHARS } from './protocol.ts'

/** Calls that one session may make. Beyond it they are ignored: a model that loops must not run up a bill. */
export const MAX_TOOL_CALLS = 512
/** Calls that may be running at one time. */
export const MAX_RUNNING_TOOLS = 16

/** The calls of one response. One response may make several; they are answered together. */
interface Round {
  readonly responseId: string
  readonly running: readonly string[]
  /** Items with the outputs that were sent. */
  readonly outputs: readonly string[]
  /** `response.done` has come. */
  readonly done: boolean
  /** The response ran to its end: a cancelled one is not followed up, as the caller has moved on. */
  readonly wantsReply: boolean
}

/** Which tool calls were seen, so that each runs once, and which are not answered yet. */
export interface ToolCalls {
  readonly seen: readonly string[]
  readonly rounds: readonly Round[]
}

/** At the beginning of a conversation, or where it goes on: no call of its past is run again. */
export const toolCallsOf = (past: History): ToolCalls => ({
  seen: past.flatMap((item) => (item.kind === 'toolCall' ? [item.callId] : [])),
  rounds: [],
})

/** A call is `new` once, whatever event tells of it first and however often; `busy`: new, but too many are running. */
export function judgeCall(calls: ToolCalls, callId: string): 'new' | 'busy' | 'known' | 'too-many' {
  if (calls.seen.includes(callId)) return 'known'
  if (calls.seen.length >= MAX_TOOL_CALLS) return 'too-many'
  const running = calls.rounds.reduce((sum, round) => sum + round.running.length, 0)
  return running >= MAX_RUNNING_TOOLS ? 'busy' : 'new'
}

export function beginCall(calls: ToolCalls, responseId: string, callId: string): ToolCalls {
  const round = calls.rounds.find((known) => known.responseId === responseId) ?? newRound(responseId)
  return {
    seen: [...calls.seen, callId],
    rounds: put(calls.rounds, { ...round, running: [...round.running, callId] }),
  }
}

/** The output of a call was sent as item `itemId`. */
export function endCall(calls: ToolCalls, callId: string, itemId: string): ToolCalls {
  const round = calls.rounds.find(({ running }) => running.includes(callId))
  if (round === undefined) return calls
  const running = round.running.filter((id) => id !== callId)
  return { ...calls, rounds: put(calls.rounds, { ...round, running, outputs: [...round.outputs, itemId] }) }
}

/** `response.done`: no further call of this response will come. */
export function endRound(calls: ToolCalls, responseId: string, wantsReply: boolean): ToolCalls {
  const round = calls.rounds.find((known) => known.responseId === responseId)
  return round === undefined ? calls : { ...calls, rounds: put(calls.rounds, { ...round, done: true, wantsReply }) }
}

/** The server that made these calls is gone: what they bring is for the next one, which is to answer it. */
export const endRounds = (calls: ToolCalls): ToolCalls => ({
  ...calls,
  rounds: calls.rounds.map((round) => (round.done ? round : { ...round, done: true, wantsReply: true })),
})

export const isRunning = (calls: ToolCalls, callId: string): boolean =>
  calls.rounds.some(({ running }) => running.includes(callId))

/** Takes out the rounds whose calls are all answered. `outputs` are the items that one further response is to answer; null: none is wanted. */
export function takeAnswered(calls: ToolCalls): {
  readonly calls: ToolCalls
  readonly outputs: readonly string[] | null
} {
  const isAnswered = (round: Round): boolean => round.done && round.running.length === 0
  const answered = calls.rounds.filter(isAnswered)
  if (answered.length === 0) return { calls, outputs: null }
  const outputs = answered.flatMap((round) => (round.wantsReply ? round.outputs : []))
  return {
    calls: { ...calls, rounds: calls.rounds.filter((round) => !isAnswered(round)) },
    outputs: outputs.length > 0 ? outputs : null,
  }
}

/** The arguments as an object, or what is wrong with them, in words for the model. */
export function parseArguments(call: FunctionCall): Readonly<Record<string, unknown>> | string {
  if (call.arguments.length > MAX_ARGUMENTS_CHARS) return `arguments longer than ${MAX_ARGUMENTS_CHARS} characters`
  if (call.arguments.trim() === '') return {}
  const value = parseJson(call.arguments)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...value }
    : 'the arguments are not a JSON object'
}

/** What a tool that could not be run answers to the model. */
export const toolError = (message: string): string => JSON.stringify({ error: message })

const newRound = (responseId: string): Round => ({
  responseId,
  running: [],
  outputs: [],
  done: false,
  wantsReply: false,
})

const put = (rounds: readonly Round[], round: Round): readonly Round[] => {
  const at = rounds.findIndex(({ responseId }) => responseId === round.responseId)
  return at < 0 ? [...rounds, round] : rounds.with(at, round)
}
