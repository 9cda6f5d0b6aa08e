import type { G711Law } from '../media/g711.ts'
import { heardMs, heardText } from './heard.ts'

/** Items that can wait to be spoken at one time. */
export const MAX_LEDGER_ITEMS = 64
/** Longest transcript kept of one item. */
export const MAX_ITEM_TEXT_CHARS = 64 * 1024

/** What of one assistant item has come in, and how far it has got. The line alone knows how many samples were sent. */
export interface LedgerItem {
  readonly itemId: string
  readonly responseId: string
  readonly contentIndex: number
  /** What the item's audio is in: a session's format may change between two items. */
  readonly codec: G711Law
  /** Samples that the line took. */
  readonly receivedSamples: number
  readonly text: string
  /** When it became the one being spoken; null while it waits behind another. Monotonic. */
  readonly beganAtMs: number | null
  /** `output_audio.done` has come, or is owed to nobody any more. */
  readonly audioDone: boolean
  /** The transcript is complete. */
  readonly textDone: boolean
  /** The line has sent its last sample. */
  readonly played: boolean
  /** It came from a server that is gone; the one of now knows it as text, and cannot truncate it. */
  readonly restored: boolean
}

/** The items that the agent is saying or has yet to say, in order. */
export type Ledger = readonly LedgerItem[]

export const EMPTY_LEDGER: Ledger = []

/** Samples at 8000 Hz, as the line counts them. */
export interface SentItem {
  readonly itemId: string
  readonly sentSamples: number
}

/** An item that is over: heard to its end, or cut by the caller. */
export interface Outcome {
  readonly item: LedgerItem
  /** Where it was cut; null where it was played to its end, and nothing is to be truncated. */
  readonly cutAtMs: number | null
  readonly text: string
}

export const findItem = (ledger: Ledger, itemId: string): LedgerItem | undefined =>
  ledger.find((item) => item.itemId === itemId)

/** The item's row, opened where it is new; undefined where too many wait already. */
export function openItem(
  ledger: Ledger,
  opening: Pick<LedgerItem, 'itemId' | 'responseId' | 'codec'>,
): LedgerItem | undefined {
  const known = findItem(ledger, opening.itemId)
  if (known !== undefined) return known
  if (ledger.length >= MAX_LEDGER_ITEMS) return undefined
  return {
    ...opening,
    contentIndex: 0,
    receivedSamples: 0,
    text: '',
    beganAtMs: null,
    audioDone: false,
    textDone: false,
    played: false,
    restored: false,
  }
}

/** Puts a row back, in its place or at the end. */
export function putItem(ledger: Ledger, item: LedgerItem): Ledger {
  const at = ledger.findIndex(({ itemId }) => itemId === item.itemId)
  return at < 0 ? [...ledger, item] : ledger.with(at, item)
}

/** Marks the item that is being spoken now: the first with audio that has not been played. */
export function markSpeaking(ledger: Ledger, nowMs: number): Ledger {
  const at = ledger.findIndex((item) => item.receivedSamples > 0 && !item.played)
  const item = ledger[at]
  return item === undefined || item.beganAtMs !== null ? ledger : ledger.with(at, { ...item, beganAtMs: nowMs })
}

/** Takes out the items that are played and whose transcript is complete. */
export function takeFinished(ledger: Ledger): { readonly ledger: Ledger; readonly finished: readonly Outcome[] } {
  const isFinished = (item: LedgerItem): boolean => item.played && item.textDone
  const finished = ledger.filter(isFinished)
  if (finished.length === 0) return { ledger, finished: [] }
  return { ledger: ledger.filter((item) => !isFinished(item)), finished: finished.map(heardWhole) }
}

/**
 * What became of every item when the line was flushed. An item that the line no longer knows had been sent to its end. Items
 * without any audio have no outcome.
 */
export function settle(ledger: Ledger, flushed: readonly SentItem[]): readonly Outcome[] {
  return ledger
    .filter((item) => item.receivedSamples > 0)
    .map((item) => {
      const sent = flushed.find(({ itemId }) => itemId === item.itemId)?.sentSamples ?? item.receivedSamples
      if (item.played || (item.audioDone && sent >= item.receivedSamples)) return heardWhole(item)
      return {
        item,
        cutAtMs: heardMs(sent, item.receivedSamples),
        text: heardText(item.text, sent, item.receivedSamples),
      }
    })
}

const heardWhole = (item: LedgerItem): Outcome => ({ item, cutAtMs: null, text: item.text.trim() })
