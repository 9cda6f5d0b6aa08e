import { heardMs } from './heard.ts'
import {
  findItem,
  type LedgerItem,
  MAX_ITEM_TEXT_CHARS,
  markSpeaking,
  type Outcome,
  openItem,
  putItem,
  type SentItem,
  settle,
  takeFinished,
} from './ledger.ts'
import { endGap } from './loss.ts'
import type { ServerEvent } from './protocol.ts'
import { addTurn, change, count, discard, nextId, note, send, tell, type Work } from './session-work.ts'

/** The packet that is on its way when the line is flushed still sounds for its 20 ms. */
const PACKET_MS = 20

type Delta = Extract<ServerEvent, { type: 'response.output_audio.delta' }>
type TranscriptEvent = Extract<
  ServerEvent,
  { type: 'response.output_audio_transcript.delta' | 'response.output_audio_transcript.done' }
>

/** Audio of the agent: queued at the line, unless the caller has cut that item or response. */
export function onAudio(work: Work, event: Delta): void {
  const item = wanted(work, event)
  if (item === undefined || item.audioDone) return count(work, 'lateAudio')
  const audio = Buffer.from(event.delta, 'base64')
  if (audio.length === 0) {
    if (event.delta !== '') count(work, 'badAudio')
    return
  }
  put(work, { ...item, contentIndex: event.contentIndex, receivedSamples: item.receivedSamples + audio.length })
  endGap(work)
  work.effects.push({ kind: 'play', itemId: item.itemId, audio, codec: item.codec })
}

/** `response.output_audio.done`: the item's last frame may be padded and sent. */
export function onAudioDone(work: Work, itemId: string): void {
  const item = findItem(work.state.ledger, itemId)
  if (item === undefined || item.audioDone) return
  put(work, { ...item, audioDone: true })
  if (item.receivedSamples > 0) work.effects.push({ kind: 'endItem', itemId })
}

export function onTranscript(work: Work, event: TranscriptEvent): void {
  const item = wanted(work, event)
  if (item === undefined) return
  const done = event.type === 'response.output_audio_transcript.done'
  const text = done ? event.transcript : item.text + event.delta
  put(work, { ...item, text: text.slice(0, MAX_ITEM_TEXT_CHARS), textDone: done || item.textDone })
}

/** The line has sent the item's last sample. */
export function onPlayed(work: Work, itemId: string): void {
  const item = findItem(work.state.ledger, itemId)
  if (item !== undefined) put(work, { ...item, played: true })
}

/** `response.done`: nothing more comes of its items, also where the server left out their own ends. */
export function onResponseOver(work: Work, responseId: string): void {
  for (const item of work.state.ledger) {
    if (item.responseId !== responseId) continue
    onAudioDone(work, item.itemId)
    const ended = findItem(work.state.ledger, item.itemId)
    if (ended !== undefined) put(work, { ...ended, textDone: true })
  }
  change(work, {
    ledger: work.state.ledger.filter((item) => item.responseId !== responseId || item.receivedSamples > 0),
  })
}

/** The queue is full: what waits is still heard, the rest of the response is given up. */
export function onOverflow(work: Work, itemId: string, samples: number): void {
  count(work, 'overflow')
  const item = findItem(work.state.ledger, itemId)
  if (item === undefined) return
  discard(work, [itemId, item.responseId])
  const { active } = work.state.responses
  if (active?.responseId === item.responseId) {
    send(work, { type: 'response.cancel', event_id: nextId(work, 'cancel'), response_id: item.responseId })
  }
  const kept = { ...item, receivedSamples: item.receivedSamples - samples, audioDone: true, textDone: true }
  if (kept.receivedSamples <= 0) {
    return change(work, { ledger: work.state.ledger.filter((other) => other.itemId !== itemId) })
  }
  put(work, kept)
  work.effects.push({ kind: 'endItem', itemId })
  truncate(work, kept, heardMs(kept.receivedSamples, kept.receivedSamples))
}

/**
 * Barge-in: the line is silent before anything else happens. The server cancels only a response that is still being made; with all of
 * it received and queued here it does nothing, so this does not depend on the response's state.
 */
export function cutSpeech(work: Work): void {
  const { active } = work.state.responses
  const { ledger, cut } = work.state
  if (ledger.length > 0 && cut === null) {
    work.effects.push({ kind: 'flush' })
    change(work, { cut: { atMs: work.nowMs } })
  }
  discard(work, [...(active === null ? [] : [active.responseId]), ...ledger.map((item) => item.itemId)])
}

/** What was sent of each item when the line was flushed: the server is told what the caller has heard, and so is the transcript. */
export function onFlushed(work: Work, items: readonly SentItem[]): void {
  const { cut, ledger } = work.state
  const outcomes = settle(ledger, items)
  change(work, { ledger: [], cut: null })
  for (const outcome of outcomes) finish(work, outcome)
  const heard = outcomes.flatMap(({ cutAtMs }) => cutAtMs ?? [])
  if (cut === null || heard.length === 0) return
  for (const { item, cutAtMs } of outcomes) if (cutAtMs !== null && !item.restored) truncate(work, item, cutAtMs)
  const restored = outcomes.filter(({ item, cutAtMs }) => cutAtMs !== null && item.restored)
  if (restored.length > 0) tellHeard(work, restored.map(({ text }) => text).join(' '))
  change(work, { bargeIns: work.state.bargeIns + 1 })
  tell(work, {
    kind: 'agent.bargeIn',
    heardMs: heard.reduce((sum, ms) => sum + ms, 0),
    silenceAfterMs: Math.ceil(work.nowMs - cut.atMs) + PACKET_MS,
  })
}

/** Items that are over leave the ledger as turns, and the next one begins. */
export function advanceSpeech(work: Work): void {
  const { ledger, finished } = takeFinished(work.state.ledger)
  for (const outcome of finished) finish(work, outcome)
  const marked = markSpeaking(ledger, work.nowMs)
  if (marked !== work.state.ledger) change(work, { ledger: marked })
}

/** A server that has an item as text only cannot truncate it: it is told what of it was heard. */
function tellHeard(work: Work, text: string): void {
  if (work.state.phase !== 'up') return
  note(work, `The caller interrupted you. Of what you said last this was heard: ${JSON.stringify(text)}`)
}

function finish(work: Work, outcome: Outcome): void {
  addTurn(work, 'agent', outcome.text, outcome.item.beganAtMs ?? work.nowMs)
}

/** The item's row, unless its audio is no longer wanted or too many items wait. */
function wanted(work: Work, event: { readonly itemId: string; readonly responseId: string }): LedgerItem | undefined {
  const { discarded, ledger, started, outputCodec } = work.state
  if (!started || discarded.includes(event.itemId) || discarded.includes(event.responseId)) return undefined
  return openItem(ledger, { itemId: event.itemId, responseId: event.responseId, codec: outputCodec })
}

function put(work: Work, item: LedgerItem): void {
  change(work, { ledger: putItem(work.state.ledger, item) })
}

function truncate(work: Work, item: LedgerItem, audioEndMs: number): void {
  if (work.state.phase !== 'up') return
  send(work, {
    type: 'conversation.item.truncate',
    event_id: nextId(work, 'truncate'),
    item_id: item.itemId,
    content_index: item.contentIndex,
    audio_end_ms: audioEndMs,
  })
}
