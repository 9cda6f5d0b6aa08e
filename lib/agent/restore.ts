import type { History, HistoryItem } from './history.ts'
import type { Past } from './past.ts'
import { createItem, nextId, note, type Work } from './session-work.ts'

/** Why a server is given a conversation that it has not had. `planned`: we moved it ourselves, between two turns. */
type Why = 'lost' | 'planned' | Past['note']

/** What the server is told of it. */
const NOTES: Readonly<Record<Why, string>> = {
  lost: 'The line to you was interrupted for a moment; the phone call was not. What stands above is what was said and heard so far. Go on from there, without greeting again and without mentioning the interruption.',
  planned: 'The phone call goes on. What stands above is what was said and heard so far.',
  dropped:
    'The phone line dropped, and the caller is on a new call now. What stands above is what was said and heard before. Say in a few words that the line dropped, and go on from there, without greeting again.',
  moved:
    'The phone call was silent for some seconds, and goes on. What stands above is what was said and heard so far; of what you said last, the caller may have missed some. Go on from there, without greeting again.',
  left: 'You had put the caller through to a person, and that line was lost: the caller is with you again. What stands above is what was said and heard before. Say in a few words that the connection to the person was lost, and go on from there, without greeting again.',
  stranded:
    'The caller was put through to a person without having talked to you, and that line was lost: the caller is with you now. Say in a few words that the connection to the person was lost, and ask how you can help.',
  handedOn:
    'You were handed on: whoever you talked to has put you through to somebody else, who has just answered on a new phone call and has heard none of it. What stands above is what was said and heard before. Say in one or two sentences who you are and what it is about, and go on from there.',
  briefing:
    'You are on another phone line now. What stands above is what you and the caller said and heard; the caller waits and does not hear you. The one who has just answered is the person to whom the call is to be transferred. Say in one or two sentences who is calling and why, and ask whether they take the call. Then call accept_call where they do, or decline_call with their reason where they do not, or where a machine has answered.',
}

/** A server learns of a conversation that goes on. */
export function restore(work: Work, history: History, why: Why): void {
  for (const item of history) restoreItem(work, item)
  if (history.length > 0 || TOLD_ALWAYS.has(why))
    note(work, NOTES[isUntold(work) ? (work.spec.past?.note ?? why) : why])
}

/** The first server of a further call learns of the calls before. */
export function restorePast(work: Work): void {
  const { past } = work.spec
  if (past !== undefined) restore(work, work.state.history, past.note)
}

/** Notes that are told without anything having been said before. */
const TOLD_ALWAYS: ReadonlySet<Why> = new Set(['briefing', 'stranded', 'handedOn'])

/** Notes of conversations in which the agent speaks first, whoever spoke last. */
const SPOKEN_FIRST: ReadonlySet<Why> = new Set(['dropped', 'left', 'stranded', 'briefing', 'handedOn'])

/** Whether the agent has yet to take up the conversation of an earlier call: no server has been heard since. */
const isUntold = ({ state: { history, ledger } }: Work): boolean =>
  ledger.length === 0 && !history.some((item) => Number.isFinite(item.atMs) && isFromAgent(item))

/**
 * Whether the agent speaks first in a conversation that goes on. Where the caller has lost somebody it does, to say that it is back, and to a
 * person who has just answered; otherwise where nobody has heard an answer yet. Null: nothing goes on.
 */
export function speaksFirst({ state: { history }, spec: { past } }: Work): boolean | null {
  const last = history.at(-1)
  if (past === undefined || (last === undefined && !TOLD_ALWAYS.has(past.note))) return null
  return SPOKEN_FIRST.has(past.note) || last === undefined || !isFromAgent(last)
}

const isFromAgent = (item: HistoryItem): boolean => item.kind === 'message' && item.role === 'assistant'

function restoreItem(work: Work, item: HistoryItem): void {
  const id = nextId(work, 'past')
  switch (item.kind) {
    case 'message':
      return item.role === 'user'
        ? createItem(work, { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: item.text }] })
        : createItem(work, {
            id,
            type: 'message',
            role: 'assistant',
            content: [{ type: 'output_text', text: item.text }],
          })
    case 'toolCall':
      return createItem(work, {
        id,
        type: 'function_call',
        call_id: item.callId,
        name: item.name,
        arguments: item.arguments,
      })
    case 'toolOutput':
      return createItem(work, { id, type: 'function_call_output', call_id: item.callId, output: item.output })
  }
}
