import { loadFlite } from '../../../app/agent/local/speech/flite.ts'
import { encodeG711 } from '../../../lib/media/g711.ts'

/** A caller's voice: the synthesizer itself, in µ-law, with a little silence around it. */
export async function callerSays(sentence: string): Promise<Buffer> {
  const synthesize = await loadFlite()
  const quiet = Buffer.alloc(4_000, 0xff)
  return Buffer.concat([quiet, encodeG711(synthesize(sentence), 'PCMU'), quiet])
}
