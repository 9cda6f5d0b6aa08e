import { FRAME_SAMPLES } from '../../media/g711.ts'

/** How a response's audio leaves: faster than it is played, in pieces that fit no packet. */
export interface Pace {
  /** From `response.created` to the first delta; live sessions show 300 to 1500 ms. */
  readonly firstDeltaMs: number
  /** Seconds of audio sent in a second; Infinity for all at once. */
  readonly speedUp: number
  /** Mean bytes of a delta of G.711; PCM has six times as many. */
  readonly deltaBytes: number
}

export const DEFAULT_PACE: Pace = { firstDeltaMs: 300, speedUp: 8, deltaBytes: 1_601 }

/** One step of a burst: audio bytes `from` to `to`, and the words that go with them. */
export interface Piece {
  /** Milliseconds after the first piece. */
  readonly dueMs: number
  readonly from: number
  readonly to: number
  readonly transcript: string
}

/** Deltas are of uneven size, and odd, so that neither frames nor 16-bit samples end where they end. */
const UNEVEN = [1, 0.37, 1.61, 0.73]

/** Plans how `audioBytes` of a format leave, with their transcript spread over them in proportion, ahead of the sound. */
export function planBurst(audioBytes: number, transcript: string, pace: Pace, bytesPerMs: number): readonly Piece[] {
  const pieces: Piece[] = []
  const mean = (pace.deltaBytes * bytesPerMs) / 8
  const words = transcript.match(/\s*\S+/g) ?? []
  let said = 0
  let word = 0
  for (let from = 0; from < audioBytes; ) {
    const to = Math.min(audioBytes, from + oddSize(mean * (UNEVEN[pieces.length % UNEVEN.length] ?? 1)))
    const until = to === audioBytes ? transcript.length : (to / audioBytes) * transcript.length
    let text = ''
    while (word < words.length && said < until) {
      const next = words[word++] ?? ''
      text += next
      said += next.length
    }
    pieces.push({ dueMs: from / bytesPerMs / pace.speedUp, from, to, transcript: text })
    from = to
  }
  return pieces
}

/** Odd, and so never a multiple of a frame of 160 bytes. */
function oddSize(bytes: number): number {
  const size = Math.max(1, Math.round(bytes))
  return size % 2 === 0 && FRAME_SAMPLES % 2 === 0 ? size + 1 : size
}
