import {
  type ConversationItem,
  type History,
  type HistoryItem,
  MAX_HISTORY_ITEMS,
  MAX_OUTPUT_CHARS,
  MAX_TURN_CHARS,
  NO_HISTORY,
  place,
  trim,
} from './history.ts'
import { MAX_ARGUMENTS_CHARS, MAX_ID_CHARS } from './protocol.ts'

/** One thing of a conversation, by the wall clock: what outlives the call it was said in. `at` is when it began. */
export type PastItem = ConversationItem & { readonly at: Date }

/** What an agent is told of a conversation that was begun elsewhere. Plain data. */
export interface Past {
  /** In the order in which they were told by `item` events. Without any, the conversation begins anew. */
  readonly items: readonly PastItem[]
  /**
   * `dropped`: the line was lost, and this is a further call. `moved`: the same call goes on, on another node. `left`: the caller was put
   * through to a person, and has lost them. `stranded`: the same, and no agent had talked to them before. `briefing`: the agent is on another line, with a person who may take the caller.
   * `handedOn`: whom the agent talked to has handed it on, and this is a further call, with somebody else.
   */
  readonly note: 'dropped' | 'moved' | 'left' | 'stranded' | 'briefing' | 'handedOn'
}

/** What a tool call without an output is answered: it may have been run, so it is not run again by itself. */
export const OUTCOME_UNKNOWN = JSON.stringify({
  error:
    'The outcome is unknown: the line was lost while the tool ran. It may have been done. Do not call it again without asking the caller.',
})

/**
 * The history that a conversation begins with: each item where it began, within the bounds of a history, and with an output for each
 * tool call. It comes from storage: items without sense are left out.
 */
export function historyOf(past: Past | undefined): History {
  const items = (past?.items ?? []).slice(-MAX_HISTORY_ITEMS).flatMap(cut)
  let latestMs = Number.NEGATIVE_INFINITY
  let history = NO_HISTORY
  for (const { at, ...item } of items) {
    const atMs = Number.isNaN(at.getTime()) ? latestMs : at.getTime()
    latestMs = Math.max(latestMs, atMs)
    history = place(history, { ...item, atMs })
  }
  return trim(answered(once(history))).map((item) => ({ ...item, atMs: Number.NEGATIVE_INFINITY }))
}

/** Within the limits that each thing has when it is said; one that says nothing is none. */
function cut(item: PastItem): readonly PastItem[] {
  switch (item.kind) {
    case 'message': {
      const text = item.text.trim().slice(0, MAX_TURN_CHARS)
      return text === '' ? [] : [{ ...item, text }]
    }
    case 'toolCall':
      return isId(item.callId) && isId(item.name) && item.arguments.length <= MAX_ARGUMENTS_CHARS ? [item] : []
    case 'toolOutput':
      return [{ ...item, output: item.output.slice(0, MAX_OUTPUT_CHARS) }]
  }
}

const isId = (text: string): boolean => text !== '' && text.length <= MAX_ID_CHARS

/** Each call and each output once, and no output ahead of its call: a server refuses what it cannot place. */
function once(history: History): History {
  const called = new Set<string>()
  const ended = new Set<string>()
  return history.filter((item) => {
    if (item.kind === 'message') return true
    const { callId } = item
    if (item.kind === 'toolCall') return !called.has(callId) && called.add(callId)
    return called.has(callId) && !ended.has(callId) && ended.add(callId)
  })
}

function answered(history: History): History {
  const ended = new Set(history.flatMap((item) => (item.kind === 'toolOutput' ? [item.callId] : [])))
  return history.flatMap((item): readonly HistoryItem[] =>
    item.kind === 'toolCall' && !ended.has(item.callId)
      ? [item, { kind: 'toolOutput', callId: item.callId, output: OUTCOME_UNKNOWN, atMs: item.atMs }]
      : [item],
  )
}
