/** One thing of a conversation. What the agent said is what was heard of it. */
export type ConversationItem =
  | { readonly kind: 'message'; readonly role: 'user' | 'assistant'; readonly text: string }
  | { readonly kind: 'toolCall'; readonly callId: string; readonly name: string; readonly arguments: string }
  | { readonly kind: 'toolOutput'; readonly callId: string; readonly output: string }

/** As a further server is told of it. `atMs` is when it began, monotonic; −∞ for what is of an earlier call. */
export type HistoryItem = ConversationItem & { readonly atMs: number }

/** What was said, heard and looked up so far, the oldest first. */
export type History = readonly HistoryItem[]

/** How much of a conversation is kept. The oldest goes first: an hour's intake is far less. */
export const MAX_HISTORY_ITEMS = 400
export const MAX_HISTORY_CHARS = 128 * 1024
/** Longest text of one turn. */
export const MAX_TURN_CHARS = 8 * 1024
/** Longest output of a tool that is given to the agent. */
export const MAX_OUTPUT_CHARS = 64 * 1024

export const NO_HISTORY: History = []

/**
 * Adds an item where it belongs by its beginning: the transcript of what a caller said comes when the agent's answer to it has begun
 * already. A tool's output stays behind its call, as servers refuse an output whose call they do not know.
 */
export const remember = (history: History, item: HistoryItem): History => trim(place(history, item))

/** The same, whatever length it comes to. */
export const place = (history: History, item: HistoryItem): History =>
  history.toSpliced(placeOf(history, item), 0, item)

/** What an agent says with a call stands before it, though both may come at once. */
function placeOf(history: History, item: HistoryItem): number {
  if (item.kind === 'toolOutput') return history.length
  const isBefore = ({ atMs, kind }: HistoryItem): boolean =>
    atMs < item.atMs || (atMs === item.atMs && (kind === 'message' || item.kind !== 'message'))
  return history.findLastIndex(isBefore) + 1
}

/** Drops the oldest until the rest is within bounds, and outputs whose calls went with them. */
export function trim(history: History): History {
  let chars = history.reduce((sum, item) => sum + charsOf(item), 0)
  let from = 0
  for (const item of history) {
    if (history.length - from <= MAX_HISTORY_ITEMS && chars <= MAX_HISTORY_CHARS) break
    chars -= charsOf(item)
    from++
  }
  if (from === 0) return history
  const kept = history.slice(from)
  const called = new Set(kept.flatMap((item) => (item.kind === 'toolCall' ? [item.callId] : [])))
  return kept.filter((item) => item.kind !== 'toolOutput' || called.has(item.callId))
}

function charsOf(item: HistoryItem): number {
  switch (item.kind) {
    case 'message':
      return item.text.length
    case 'toolCall':
      return item.name.length + item.arguments.length
    case 'toolOutput':
      return item.output.length
  }
}
