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
  const words = text.trim()
  if (sentSamples <= 0 || receivedSamples <= 0) return ''
  if (sentSamples >= receivedSamples) return words
  const end = Math.floor((words.length * sentSamples) / receivedSamples)
  const heard = words.slice(0, end)
  if (/\s/.test(words.charAt(end))) return heard.trimEnd()
  // Scripts without spaces are cut between any two code points.
  return /\s/.test(words) ? heard.replace(/\S*$/, '').trimEnd() : heard.replace(/[\uD800-\uDBFF]$/, '')
}
