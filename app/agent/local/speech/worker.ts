import { parentPort } from 'node:worker_threads'
import { loadFlite } from './flite.ts'

/**
 * The thread that speaks. A sentence keeps it busy for 5 to 30 ms, in which the sessions' thread goes on.
 * In: `SpeechOrder`. Out: `SpeechResult`, in the same order.
 */
export interface SpeechOrder {
  readonly id: number
  readonly sentence: string
}

export interface SpeechResult {
  readonly id: number
  /** 16-bit samples of 8000 Hz; null where the sentence could not be spoken. */
  readonly samples: Int16Array<ArrayBuffer> | null
}

const port = parentPort
if (port === null) throw new Error('speech/worker.ts runs as a worker thread only')

const synthesize = await loadFlite()
port.on('message', (order: SpeechOrder) => {
  const result: SpeechResult = { id: order.id, samples: attempt(order.sentence) }
  port.postMessage(result, result.samples === null ? [] : [result.samples.buffer])
})

/** A sentence that traps the synthesizer is no reason to fall silent for all others. */
function attempt(sentence: string): Int16Array<ArrayBuffer> | null {
  try {
    return Int16Array.from(synthesize(sentence))
  } catch {
    return null
  }
}
