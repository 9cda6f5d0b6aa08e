/** The Emscripten module of WebRTC's voice activity detector (libfvad), which ships without types. */
declare module '@echogarden/fvad-wasm' {
  export interface FvadModule {
    readonly HEAP16: Int16Array
    _malloc(bytes: number): number
    _fvad_new(): number
    _fvad_free(instance: number): void
    _fvad_set_mode(instance: number, mode: number): number
    _fvad_set_sample_rate(instance: number, rateHz: number): number
    /** 1 voice, 0 none, −1 where the frame is not 10, 20 or 30 ms long. */
    _fvad_process(instance: number, framePointer: number, samples: number): number
  }
  export default function fvad(): Promise<FvadModule>
}
