import fvad, { type FvadModule } from '@echogarden/fvad-wasm'
import type { VoiceDetector } from '../../../lib/agent/local/caller-audio.ts'
import { FRAME_SAMPLES, RATE_HZ } from '../../../lib/media/g711.ts'

/** How sure libfvad must be, 0 to 3: at 2 it lets speech over telephone noise through and hardly anything else. */
const MODE = 2

/** A detector of one caller, which holds memory of the wasm heap until it is freed. */
export interface Detector {
  readonly isVoice: VoiceDetector
  free(): void
}

/** WebRTC's voice activity detection on 20 ms of 8000 Hz (libfvad). One wasm module serves every session of the thread. */
export class VoiceActivity {
  readonly #fvad: FvadModule
  /** Frames are judged one at a time, so one place in the heap is enough for all. */
  readonly #framePointer: number
  #live = 0

  private constructor(module: FvadModule) {
    this.#fvad = module
    this.#framePointer = module._malloc(FRAME_SAMPLES * Int16Array.BYTES_PER_ELEMENT)
  }

  static async load(): Promise<VoiceActivity> {
    return new VoiceActivity(await fvad())
  }

  /** Detectors that have not been freed. */
  get live(): number {
    return this.#live
  }

  detector(): Detector {
    const instance = this.#fvad._fvad_new()
    if (instance === 0) throw new Error('libfvad is out of memory')
    this.#fvad._fvad_set_mode(instance, MODE)
    this.#fvad._fvad_set_sample_rate(instance, RATE_HZ)
    this.#live++
    let freed = false
    return {
      isVoice: (frame) => {
        if (freed) return false
        // The heap's view is another one after it has grown.
        this.#fvad.HEAP16.set(frame, this.#framePointer / Int16Array.BYTES_PER_ELEMENT)
        return this.#fvad._fvad_process(instance, this.#framePointer, frame.length) === 1
      },
      free: () => {
        if (freed) return
        freed = true
        this.#live--
        this.#fvad._fvad_free(instance)
      },
    }
  }
}
