import { SAMPLES_PER_MS } from '../media/g711.ts'

/**
 * Milliseconds of an item the caller can have heard: an upper bound, as the far end's jitter buffer still holds some. Rounded down and
 * capped at what was received, because the server answers an `audio_end_ms` past the item's end with an error.
 */
export const heardMs = (sentSamples: number, receivedSamples: number): number =>
  Math.floor(Math.max(0, Math.min(sentSamples, receivedSamples)) / SAMPLES_PER_MS)

/**
 * The part of an item's transcript that was heard, in whole words. The transcript carries no times, so the share of the audio
 * stands for the share of the text. Truncation deletes the server's whole transcript of an item, so this text is the only one there is.
 */
export function heardText(text: string, sentSamples: number, receivedSamples: number): string {
  if (sentSamples <= 0 || receivedSamples <= 0) return ''
  if (sentSamples >= receivedSamples) return text.trim()
  const end = Math.floor((text.length * sentSamples) / receivedSamples)
  if (/\s/.test(text.charAt(end))) return text.slice(0, end).trim()
  // Scripts without spaces are cut between any two code points.
  if (!/\s/.test(text.trim())) return text.slice(0, end).replace(/[\uD800-\uDBFF]$/, '')
  return text.slice(0, end).replace(/\S*$/, '').trim()
}
