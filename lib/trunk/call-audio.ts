import type { CallRow } from '../observe/call-record.ts'
import type { CallAudio } from './media-channel.ts'

/** Shorter calls tell nothing of a trunk's audio: five seconds of packets. */
const MIN_PACKETS = 250

/**
 * What an ended call tells of its trunk's audio: how much of what the far end sent was lost, and whether nothing came at all
 * though we sent. Null where it was too short, or never up, to tell.
 */
export function audioOf({ media }: Pick<CallRow, 'media'>): CallAudio | null {
  if (media === null || media.out.packets < MIN_PACKETS) return null
  const expected = media.in.packets + media.in.lost
  return { lossPercent: expected === 0 ? 0 : (media.in.lost * 100) / expected, oneWay: expected === 0 }
}
