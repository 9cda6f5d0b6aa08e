import { Worker } from 'node:worker_threads'
import { SpeechCache } from '../../../lib/agent/local/speech-cache.ts'
import type { SpeechOrder, SpeechResult } from './speech/worker.ts'

/** Remembered speech, sentences and utterances: 16 MiB are some 17 minutes at 8000 Hz. */
const CACHE_BYTES = 16 * 1024 * 1024
/** Sentences that may wait for the synthesizer; more are refused. */
const WAITING_SENTENCES = 512

type Done = (samples: Int16Array | undefined) => void

/** The voice of all sessions: sentences in, samples of 8000 Hz out, spoken in a thread of their own and remembered. */
export class Speech {
  readonly #cache = new SpeechCache(CACHE_BYTES)
  /** Callers that wait for a sentence, by its text: one that is asked for twice is spoken once. */
  readonly #waiting = new Map<string, Done[]>()
  readonly #orders = new Map<number, string>()
  #worker: Worker | undefined
  #nextId = 0
  #closed = false

  /** The sentences as one utterance that nobody may write into, or undefined where one of them could not be spoken. */
  async say(sentences: readonly string[]): Promise<Int16Array | undefined> {
    const text = sentences.join(' ')
    const known = this.#cache.get(text)
    if (known !== undefined) return known
    const spoken = await Promise.all(sentences.map((sentence) => this.#sentence(sentence)))
    const parts = spoken.filter((samples) => samples !== undefined)
    if (parts.length < sentences.length) return undefined
    const utterance = joined(parts)
    // A greeting is said on every call: it is joined once, and is one object for as long as it is remembered.
    this.#cache.set(text, utterance)
    return utterance
  }

  async close(): Promise<void> {
    this.#closed = true
    const worker = this.#worker
    this.#fail()
    await worker?.terminate()
  }

  #sentence(sentence: string): Promise<Int16Array | undefined> {
    const known = this.#cache.get(sentence)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((done) => {
      const waiting = this.#waiting.get(sentence)
      if (waiting !== undefined) waiting.push(done)
      else if (this.#closed || this.#waiting.size >= WAITING_SENTENCES) done(undefined)
      else this.#order(sentence, done)
    })
  }

  #order(sentence: string, done: Done): void {
    this.#waiting.set(sentence, [done])
    const order: SpeechOrder = { id: this.#nextId++, sentence }
    this.#orders.set(order.id, sentence)
    this.#worker ??= this.#start()
    this.#worker.postMessage(order)
  }

  #start(): Worker {
    const worker = new Worker(new URL('./speech/worker.js', import.meta.url))
    worker.on('message', (result: SpeechResult) => this.#onResult(result))
    // Whoever waits learns of it at once; the next sentence starts a new thread. 'exit' follows 'error'.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.#worker === worker) this.#fail()
    })
    worker.unref()
    return worker
  }

  #onResult({ id, samples }: SpeechResult): void {
    const sentence = this.#orders.get(id)
    if (sentence === undefined) return
    this.#orders.delete(id)
    if (samples !== null) this.#cache.set(sentence, samples)
    this.#answer(sentence, samples ?? undefined)
  }

  #answer(sentence: string, samples: Int16Array | undefined): void {
    const waiting = this.#waiting.get(sentence) ?? []
    this.#waiting.delete(sentence)
    for (const done of waiting) done(samples)
  }

  #fail(): void {
    this.#worker = undefined
    this.#orders.clear()
    for (const sentence of this.#waiting.keys()) this.#answer(sentence, undefined)
  }
}

function joined(parts: readonly Int16Array[]): Int16Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const whole = new Int16Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
