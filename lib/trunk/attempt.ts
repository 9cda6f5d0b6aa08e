import type { TrunkId } from '../core/ids.ts'
import type { ServerAddress } from '../sip/rfc3263.ts'
import type { SrtpSpec } from '../sip/secure-audio.ts'
import type { VerdictPolicy } from './attempt-verdict.ts'

/** Counts the attempts of one call from 0. */
export type AttemptId = number

/** A trunk as a hunt needs it. */
export interface HuntTrunk {
  readonly id: TrunkId
  /** Of what we offer on it. */
  readonly srtp: SrtpSpec
  readonly policy: HuntPolicy
}

export interface HuntPolicy extends VerdictPolicy {
  /** Nothing at all for this long: the next trunk. Null where the SIP server passes no 100 up, as drachtio-server. */
  readonly noReplyMs: number | null
  /** 100 and then nothing for this long: the next trunk. */
  readonly noProgressMs: number
  /** How long trunks may be tried; that of the first trunk counts. */
  readonly huntBudgetMs: number
  readonly ringTimeoutMs: number
  /** Hosts that a 3xx may lead to, and how deep it is followed. */
  readonly allowedHosts: readonly string[]
  readonly maxRedirects: number
  /** Bounds of a Retry-After that is believed. */
  readonly retryAfterMinMs: number
  readonly retryAfterMaxMs: number
}

/** An address that an INVITE is sent to. */
export interface HuntTarget {
  /** The request-URI. */
  readonly uri: string
  /** The address that it is sent to, as DNS found it; null: where the request-URI leads. */
  readonly server: ServerAddress | null
  /** The target of the trunk that this is an address of, as its health knows it; null where a 3xx led here. */
  readonly probed: string | null
}

/** Each attempt has its own Call-ID, From tag and offer. `other`: the codecs or the encryption that the usual offer lacks. */
export interface Attempt {
  readonly id: AttemptId
  readonly trunk: HuntTrunk
  readonly target: HuntTarget
  readonly offer: 'usual' | 'other'
  /** How many 3xx led here. */
  readonly depth: number
}

/** A Retry-After of ten days is a slip or an attack: it is believed within the trunk's bounds only. */
export function clampRetryAfter(seconds: number | null, policy: HuntPolicy): number | null {
  if (seconds === null) return null
  return Math.min(Math.max(seconds * 1_000, policy.retryAfterMinMs), policy.retryAfterMaxMs)
}
