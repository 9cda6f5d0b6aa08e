import type { ClientEvent, ItemCreate } from './client-event.ts'
import { type HistoryItem, MAX_TURN_CHARS, remember } from './history.ts'
import type { AgentNews, SessionEffect, SessionFault, SessionState, ToolResult } from './session-state.ts'
import type { AgentSpec } from './spec.ts'

/** One step under way: the state as it becomes, and the effects in order. It lives no longer than the step. */
export interface Work {
  state: SessionState
  readonly effects: SessionEffect[]
  readonly nowMs: number
  readonly spec: AgentSpec
}

/** How much of a tool's output stands in the transcript. */
const TURN_OUTPUT_CHARS = 1_024
/** Ids whose late audio is dropped; the oldest are forgotten. */
export const MAX_DISCARDED = 256

export function change(work: Work, next: Partial<SessionState>): void {
  work.state = { ...work.state, ...next }
}

/** A fresh id: `<word>-<n>`, short enough for an item's id (32 characters). */
export function nextId(work: Work, word: string): string {
  change(work, { serial: work.state.serial + 1 })
  return `${word}-${work.state.serial}`
}

export const send = (work: Work, event: ClientEvent): void => void work.effects.push({ kind: 'send', event })

/** Adds an item to the server's conversation. */
export function createItem(work: Work, item: ItemCreate['item']): void {
  send(work, { type: 'conversation.item.create', event_id: nextId(work, 'item'), item })
}

export const tell = (work: Work, news: AgentNews): void => void work.effects.push({ kind: 'news', news })

export const count = (work: Work, fault: SessionFault): void => void work.effects.push({ kind: 'count', fault })

/** Something enters the history, and whoever keeps it beyond this call hears of it. */
export function keep(work: Work, item: HistoryItem): void {
  change(work, { history: remember(work.state.history, item) })
  work.effects.push({ kind: 'keep', item })
}

/** Something that the agent is told behind the scenes. */
export function note(work: Work, text: string): void {
  createItem(work, {
    id: nextId(work, 'note'),
    type: 'message',
    role: 'system',
    content: [{ type: 'input_text', text }],
  })
}

/** A turn of the transcript; one without words is none. What tools said is remembered by call, and more of it. */
export function addTurn(work: Work, who: 'caller' | 'agent' | 'tool', text: string, atMs: number): void {
  const words = text.trim().slice(0, MAX_TURN_CHARS)
  if (words === '') return
  if (who !== 'tool') {
    const role = who === 'caller' ? 'user' : 'assistant'
    change(work, { turns: work.state.turns + 1 })
    keep(work, { kind: 'message', role, text: words, atMs })
  }
  work.effects.push({ kind: 'turn', who, text: words, atMs })
}

/** What a tool has answered, or how it has failed: told to signaling, and a turn of the transcript. */
export function tellTool(
  work: Work,
  { name, ok, tookMs, message, output }: Pick<ToolResult, 'name' | 'ok' | 'tookMs' | 'message' | 'output'>,
): void {
  tell(work, { kind: 'agent.tool', name, ok, tookMs, ...(message !== undefined && { message }) })
  addTurn(work, 'tool', `${name}: ${output.slice(0, TURN_OUTPUT_CHARS)}`, work.nowMs)
}

/** Audio of these responses and items is dropped from now on. */
export function discard(work: Work, ids: readonly string[]): void {
  const fresh = ids.filter((id) => !work.state.discarded.includes(id))
  if (fresh.length > 0) change(work, { discarded: [...work.state.discarded, ...fresh].slice(-MAX_DISCARDED) })
}
