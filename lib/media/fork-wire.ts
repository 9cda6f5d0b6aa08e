/**
 * What the WebSocket of mod_audio_fork carries beside audio, which is raw 16-bit samples, little-endian, without a header.
 * Texts are JSON with a `type`; an unknown one is only logged over there.
 */

/** Drops what FreeSWITCH has queued; it does so at its next packet, together with what came in between. */
export const KILL_AUDIO = '{"type":"killAudio"}'

/** Asks to be told when what was sent before has been played: it travels with the next audio, or alone where none is queued. */
export const formatMark = (name: string): string => `{"type":"mark","data":{"name":"${name}"}}`

/** What became of a mark of ours: it was passed in playing, or thrown away by `killAudio`. */
export interface MarkReport {
  readonly name: string
  readonly played: boolean
}

/** Longest text that is looked at. */
const MAX_TEXT = 1024

/** Null where the text is something else: metadata, or a message that says nothing to us. */
export function parseMarkReport(text: string): MarkReport | null {
  if (text.length > MAX_TEXT) return null
  const found = /^\s*\{\s*"type"\s*:\s*"mark"\s*,\s*"data"\s*:\s*\{([^{}]*)\}\s*\}\s*$/.exec(text)?.[1]
  if (found === undefined) return null
  const name = /"name"\s*:\s*"([\w.-]{1,64})"/.exec(found)?.[1]
  const event = /"event"\s*:\s*"(playout|cleared)"/.exec(found)?.[1]
  return name === undefined || event === undefined ? null : { name, played: event === 'playout' }
}

/** Writes G.711, decoded, as the module wants it: two bytes a sample, little-endian. No sample is −1, which it takes for a mark. */
export function writeLinear(bytes: Uint8Array, table: Int16Array): Buffer {
  const out = Buffer.allocUnsafe(bytes.length * 2)
  for (let i = 0; i < bytes.length; i++) {
    const sample = table[bytes[i] ?? 0] ?? 0
    out[2 * i] = sample & 0xff
    out[2 * i + 1] = (sample >> 8) & 0xff
  }
  return out
}

/** Reads what the module sends into `samples`; gives the number of whole samples. */
export function readLinear(bytes: Uint8Array, samples: Int16Array): number {
  const count = Math.min(bytes.length >> 1, samples.length)
  for (let i = 0; i < count; i++) samples[i] = (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8)
  return count
}
