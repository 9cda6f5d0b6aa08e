import type { EmitLegEvent, Line, Talker } from '../../app/media/talker.ts'
import { ok } from '../../lib/core/result.ts'
import { FRAME_SAMPLES } from '../../lib/media/g711.ts'
import { isAudible } from '../../lib/media/level.ts'

/** Loud in either law: a square wave of 500 Hz. */
const voice = (samples: number): Uint8Array =>
  Uint8Array.from({ length: samples }, (_, i) => (i % 16 < 8 ? 0x10 : 0x90))

/**
 * In the agent's place, driven by keys and telling what happens as turns, so that it works on any thread: `1` says a second, `2` says
 * ten, `0` is barge-in. Tells `heard` at the first audible frame, `played ITEM`, and `flushed ITEM SENT RECEIVED`. Its last words
 * enter the history as it is closed.
 */
export function createAgentTalker(_spec: unknown, emit: EmitLegEvent): Talker {
  let line: Line | null = null
  let heard = false
  let items = 0
  const tell = (text: string): void => emit({ kind: 'turn', at: new Date(), who: 'agent', text })
  return {
    ready: async () => ok(undefined),
    attach: (next) => {
      line = next
    },
    start: () => tell('started'),
    onAudio: (frame) => {
      if (heard || line === null || !isAudible(frame, line.codec)) return
      heard = true
      tell('heard')
    },
    onDtmf: (digit) => {
      if (digit === '0') {
        for (const { itemId, sentSamples, receivedSamples } of line?.flush() ?? []) {
          tell(`flushed ${itemId} ${sentSamples} ${receivedSamples}`)
        }
        return
      }
      const itemId = `item${++items}`
      // Some of it is no whole frame, as with an AI's audio.
      line?.play(itemId, voice((digit === '1' ? 50 : 500) * FRAME_SAMPLES - 60))
      line?.end(itemId)
    },
    onPlayed: (itemId) => tell(`played ${itemId}`),
    close: async () => {
      emit({ kind: 'item', item: { kind: 'message', role: 'assistant', text: 'last words', at: new Date(0) } })
      return null
    },
  }
}
