import type { ClientEvent } from './client-event.ts'
import type { AgentNews, RefusalCode, SessionEffect, SessionFault, SessionState } from './session-state.ts'
import type { AgentSpec } from './spec.ts'

/** One step under way: the state as it becomes, and the effects in order. It lives no longer than the step. */
export interface Work {
  state: SessionState
  readonly effects: SessionEffect[]
  readonly nowMs: number
  readonly spec: AgentSpec
}

/** Ids whose late audio is dropped; the oldest are forgotten. */
export const MAX_DISCARDED = 256
/** Longest text of one turn of the transcript. */
export const MAX_TURN_CHARS = 8 * 1024

export function change(work: Work, next: Partial<SessionState>): void {
  work.state = { ...work.state, ...next }
}

/** A fresh id: `<word>-<n>`, short enough for an item's id (32 characters). */
export function nextId(work: Work, word: string): string {
  change(work, { serial: work.state.serial + 1 })
  return `${word}-${work.state.serial}`
}

export const send = (work: Work, event: ClientEvent): void => void work.effects.push({ kind: 'send', event })

export const tell = (work: Work, news: AgentNews): void => void work.effects.push({ kind: 'news', news })

export const count = (work: Work, fault: SessionFault): void => void work.effects.push({ kind: 'count', fault })

/** A turn of the transcript; one without words is none. */
export function addTurn(work: Work, who: 'caller' | 'agent' | 'tool', text: string, atMs: number): void {
  const words = text.trim().slice(0, MAX_TURN_CHARS)
  if (words === '') return
  if (who !== 'tool') change(work, { turns: work.state.turns + 1 })
  work.effects.push({ kind: 'turn', who, text: words, atMs })
}

/** Audio of these responses and items is dropped from now on. */
export function discard(work: Work, ids: readonly string[]): void {
  const fresh = ids.filter((id) => !work.state.discarded.includes(id))
  if (fresh.length > 0) change(work, { discarded: [...work.state.discarded, ...fresh].slice(-MAX_DISCARDED) })
}

/**
 * The server cannot go on. Before the session was up that refuses the call; later the agent is lost, and what is queued is
 * still played to its end.
 */
export function fail(work: Work, refusal: RefusalCode, code: string, message: string): void {
  const { phase } = work.state
  if (phase === 'lost' || phase === 'closed') return
  if (phase !== 'up') {
    change(work, { phase: 'closed' })
    work.effects.push({ kind: 'closeSocket' }, { kind: 'refuse', code: refusal, message: `${code}: ${message}` })
    return
  }
  for (const item of work.state.ledger) {
    if (item.receivedSamples > 0 && !item.audioDone) work.effects.push({ kind: 'endItem', itemId: item.itemId })
  }
  const { hangUp } = work.state
  change(work, {
    phase: 'lost',
    // No more will come of any item: each is complete as it is, and one without audio is none.
    ledger: work.state.ledger
      .filter((item) => item.receivedSamples > 0)
      .map((item) => ({ ...item, audioDone: true, textDone: true })),
    hangUp: hangUp === null ? null : { ...hangUp, responseDone: true },
  })
  work.effects.push({ kind: 'closeSocket' })
  tell(work, { kind: 'agent.lost', code, message })
}
