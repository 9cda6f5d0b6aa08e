import { writeFile } from 'node:fs/promises'
import { formatWavHeader } from '../../lib/media/wav.ts'

const RATE_HZ = 8_000
const AMPLITUDE = 8_000

/** Writes a WAV file (8000 Hz, 16-bit mono) with a tone of `hz`. */
export async function writeTone(file: string, seconds: number, hz = 440): Promise<void> {
  const audio = Buffer.alloc(seconds * RATE_HZ * 2)
  for (let i = 0; i < seconds * RATE_HZ; i++) {
    audio.writeInt16LE(Math.round(AMPLITUDE * Math.sin((2 * Math.PI * hz * i) / RATE_HZ)), i * 2)
  }
  await writeFile(file, Buffer.concat([formatWavHeader(audio.length), audio]))
}
