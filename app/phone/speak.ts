import { splitSentences } from '../../lib/agent/local/sentences.ts'
import { loadFlite } from '../agent/local/speech/flite.ts'

/** A text in the local agent's synthetic voice: 16-bit samples of 8000 Hz. Throws where nothing in it can be spoken. */
export async function speak(text: string): Promise<Int16Array> {
  const synthesize = await loadFlite()
  const sentences = splitSentences(text).map(synthesize)
  const samples = Int16Array.from(sentences.flatMap((sentence) => [...sentence]))
  if (samples.length === 0) throw new Error(`nothing in "${text}" can be spoken: the voice knows English only`)
  return samples
}
