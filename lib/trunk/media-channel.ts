import type { TrunkConfig } from '../config/resolve.ts'
import type { ChannelVerdict } from './state.ts'

/** The media channel: loss and one-way audio of the trunk's last calls. `standby` at worst. */
export interface MediaChannel {
  /** The last calls, the oldest first; true: bad. */
  readonly calls: readonly boolean[]
  /** While it is down: when the evidence is too old, counted from the last bad call. Null: it is up. */
  readonly clearsAtMs: number | null
  /** When the last call was heard; null: none was. */
  readonly heardAtMs: number | null
  readonly reason: string
}

/** How the audio of a call was, when it is over or as it goes on; each call is reported once. */
export interface CallAudio {
  /** Of the RTP that we should have received, 0 to 100. */
  readonly lossPercent: number
  /** One side sent and nothing came from the other. */
  readonly oneWay: boolean
}

type MediaConfig = TrunkConfig['media']

export const NO_AUDIO: MediaChannel = { calls: [], clearsAtMs: null, heardAtMs: null, reason: 'no audio yet' }

export function judgeMedia({ clearsAtMs, reason }: MediaChannel): ChannelVerdict {
  return { state: clearsAtMs === null ? 'active' : 'standby', reason }
}

/** Whether calls were heard that are not too old to count. */
export const hasMediaEvidence = ({ heardAtMs }: MediaChannel, nowMs: number, config: MediaConfig): boolean =>
  heardAtMs !== null && nowMs - heardAtMs < config.clearAfterMs

export function onCallAudio(channel: MediaChannel, audio: CallAudio, nowMs: number, config: MediaConfig): MediaChannel {
  const isBad = audio.oneWay || audio.lossPercent >= config.lossPercent
  const calls = [...channel.calls, isBad].slice(-config.calls)
  const bad = calls.filter(Boolean).length
  if (channel.clearsAtMs === null) {
    if (!isBad || bad < config.bad) return { ...channel, calls, heardAtMs: nowMs }
    const reason = `${bad} of the last ${calls.length} calls with one-way audio or ${config.lossPercent} % loss`
    return { calls, clearsAtMs: nowMs + config.clearAfterMs, heardAtMs: nowMs, reason }
  }
  if (isBad) return { ...channel, calls, clearsAtMs: nowMs + config.clearAfterMs, heardAtMs: nowMs }
  if (bad > 0 || calls.length < config.calls) return { ...channel, calls, heardAtMs: nowMs }
  return { calls, clearsAtMs: null, heardAtMs: nowMs, reason: `${calls.length} clean calls` }
}

/** Lets time pass: old evidence is dropped. */
export function wakeMedia(channel: MediaChannel, nowMs: number): MediaChannel {
  if (channel.clearsAtMs === null || channel.clearsAtMs > nowMs) return channel
  return { calls: [], clearsAtMs: null, heardAtMs: null, reason: 'evidence too old to count' }
}

/** When the channel wants to be woken; Infinity: never. */
export const mediaDeadlineMs = ({ clearsAtMs }: MediaChannel): number => clearsAtMs ?? Infinity
