import type { TurnDetection } from './session-config.ts'

/** One judged frame. */
export const FRAME_MS = 20
/** So much voice within a short time begins a turn: less is a click, a cough or a tap on the handset. */
const ONSET_MS = 60
/** Pauses up to this long do not break an onset. */
const ONSET_GAP_MS = 60

/** Level that a frame must reach to be voice, in dBov, by `threshold`: −60 at 0, −45 at the default 0.5, −30 at 1. */
const FLOOR_DBOV = -60
const FLOOR_SPAN_DB = 30

/** How the caller's sound is judged, in milliseconds of appended audio. */
export interface TurnSettings {
  readonly floorDbov: number
  readonly prefixMs: number
  readonly silenceMs: number
}

/** Silence that ends a turn where the client leaves it to the meaning of the words, which this server cannot know. */
const EAGERNESS_MS = { low: 1_200, medium: 800, high: 400, auto: 800 } as const

/** `server_vad` and `semantic_vad` in the terms of a detector; without detection, voice is still measured by the default. */
export function turnSettings(detection: TurnDetection | null): TurnSettings {
  const threshold = detection?.type === 'server_vad' ? detection.threshold : 0.5
  const floorDbov = FLOOR_DBOV + FLOOR_SPAN_DB * threshold
  if (detection?.type === 'server_vad') {
    return { floorDbov, prefixMs: detection.prefix_padding_ms, silenceMs: detection.silence_duration_ms }
  }
  return { floorDbov, prefixMs: 300, silenceMs: EAGERNESS_MS[detection?.eagerness ?? 'auto'] }
}

/** Where a caller's turn stands. Every moment is on the clock of appended audio: no append, no time. */
export type TurnState =
  | { readonly kind: 'quiet' }
  | { readonly kind: 'onset'; readonly fromMs: number; readonly voicedMs: number; readonly lastVoicedMs: number }
  | { readonly kind: 'speaking'; readonly fromMs: number; readonly lastVoicedMs: number }

export const QUIET: TurnState = { kind: 'quiet' }

/** A turn began or ended. `speechMs` is the caller's voice without padding and silence. */
export type TurnEvent =
  | { readonly kind: 'started'; readonly audioStartMs: number }
  | { readonly kind: 'stopped'; readonly audioEndMs: number; readonly speechMs: number }

/**
 * Takes the verdict on the frame that ends at `endMs`. The start is reported with the prefix padding, the end with the silence window
 * (OpenAI Realtime: `input_audio_buffer.speech_started`, `speech_stopped`).
 */
export function stepTurn(
  state: TurnState,
  voiced: boolean,
  endMs: number,
  settings: TurnSettings,
): { readonly state: TurnState; readonly event?: TurnEvent } {
  if (state.kind === 'speaking') {
    if (voiced) return { state: { ...state, lastVoicedMs: endMs } }
    if (endMs - state.lastVoicedMs < settings.silenceMs) return { state }
    return {
      state: QUIET,
      event: { kind: 'stopped', audioEndMs: endMs, speechMs: state.lastVoicedMs - state.fromMs },
    }
  }
  if (!voiced) {
    const broken = state.kind === 'onset' && endMs - state.lastVoicedMs > ONSET_GAP_MS
    return { state: broken ? QUIET : state }
  }
  const fromMs = state.kind === 'onset' ? state.fromMs : endMs - FRAME_MS
  const voicedMs = (state.kind === 'onset' ? state.voicedMs : 0) + FRAME_MS
  if (voicedMs < ONSET_MS) return { state: { kind: 'onset', fromMs, voicedMs, lastVoicedMs: endMs } }
  return {
    state: { kind: 'speaking', fromMs, lastVoicedMs: endMs },
    event: { kind: 'started', audioStartMs: Math.max(0, fromMs - settings.prefixMs) },
  }
}
