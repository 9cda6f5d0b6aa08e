import type { Line, Talker } from '../../../app/media/talker.ts'
import { ok } from '../../../lib/core/result.ts'

/** In the agent's place: says back every frame that is not silence, and throws at the word that the test has for it. */
export function createAgentTalker(): Talker {
  let line: Line | null = null
  return {
    ready: async () => ok(undefined),
    attach: (next) => {
      line = next
    },
    start: () => {},
    onAudio: (frame) => {
      if (frame[0] === POISON) throw new Error('the talker met its poison')
      if (frame.some((byte) => byte !== 0xff)) line?.play('echo', frame)
    },
    onDtmf: () => {},
    onPlayed: () => {},
    close: async () => null,
  }
}

/** A frame that begins with this byte is the talker's bug. */
export const POISON = 0x13
