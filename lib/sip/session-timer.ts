import type { HeaderInput } from './build.ts'
import { parseDecimal } from './chars.ts'
import type { Dialog } from './dialog.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { listsTag } from './reliability.ts'

/** The least session interval in seconds that may be asked for (RFC 4028 §5). */
export const MIN_SESSION_S = 90

/** The longest we reckon with, in seconds: a day. */
const MAX_SESSION_S = 86_400

/** A Session-Expires: `refresher` is who sends the refreshes, by role in the request that carries or got it (RFC 4028 §4). */
export interface SessionExpires {
  readonly intervalS: number
  readonly refresher: 'uac' | 'uas' | undefined
}

/** How long a session lives without a refresh, in seconds, and whether we are to send these. */
export interface SessionTerms {
  readonly intervalS: number
  readonly weRefresh: boolean
}

/** Parses a Session-Expires value; undefined where it is missing or malformed. Longer than a day counts as a day. */
export function parseSessionExpires(text: string | undefined): SessionExpires | undefined {
  const [, digits = '', params = ''] = /^\s*(\d+)\s*(;.*)?$/.exec(text ?? '') ?? []
  const intervalS = parseDecimal(digits, 2 ** 32 - 1)
  if (intervalS === undefined || intervalS === 0) return undefined
  const refresher = /;\s*refresher\s*=\s*(uac|uas)\s*(?:;|$)/i.exec(params)?.[1]?.toLowerCase()
  return {
    intervalS: Math.min(intervalS, MAX_SESSION_S),
    refresher: refresher === 'uac' || refresher === 'uas' ? refresher : undefined,
  }
}

/** Whether a request is to be refused with 422: it asks for less than `minS` and its sender would understand (RFC 4028 §9). */
export function isTooBrief(request: SipRequest, minS: number): boolean {
  const asked = parseSessionExpires(request.header('Session-Expires'))
  return asked !== undefined && asked.intervalS < minS && listsTag(request.values('Supported'), 'timer')
}

/**
 * The terms of a 2xx of ours to an INVITE or UPDATE (RFC 4028 §9), and the headers that tell them. What the application says in its own
 * Session-Expires (`given`) holds; else what the request asks for, where a sender that supports timers refreshes unless it says otherwise.
 * Undefined: no timer runs.
 */
export function answerTerms(
  request: SipRequest,
  given: string | undefined,
  minS: number,
): { readonly terms: SessionTerms; readonly headers: readonly HeaderInput[] } | undefined {
  const own = parseSessionExpires(given)
  if (own !== undefined) return { terms: { intervalS: own.intervalS, weRefresh: own.refresher === 'uas' }, headers: [] }
  const asked = parseSessionExpires(request.header('Session-Expires'))
  if (asked === undefined) return undefined
  const supports = listsTag(request.values('Supported'), 'timer')
  // Who does not know of timers sends no refresh, whatever a proxy has written (RFC 4028 §9, table 2).
  const refresher = supports ? (asked.refresher ?? 'uac') : 'uas'
  const intervalS = Math.max(asked.intervalS, minS)
  return {
    terms: { intervalS, weRefresh: refresher === 'uas' },
    headers: [
      ['Session-Expires', `${intervalS};refresher=${refresher}`],
      ...(supports && refresher === 'uac' ? [['Require', 'timer'] as const] : []),
    ],
  }
}

/** The terms of a 2xx to an INVITE or UPDATE of ours; undefined where it has none (RFC 4028 §7.2). */
export function takenTerms(response: SipResponse): SessionTerms | undefined {
  const told = parseSessionExpires(response.header('Session-Expires'))
  return told && { intervalS: told.intervalS, weRefresh: told.refresher !== 'uas' }
}

/** A session that ends by itself. `refreshAtMs` is undefined where the other side refreshes, or ours is on its way. */
export interface SessionTimerState {
  readonly refreshAtMs: number | undefined
  readonly endAtMs: number
}

/**
 * `failed`: our refresh was refused, and may be tried again, in so many ms where that is known; `lost`: the peer knows the dialog no more, or
 * is not there.
 */
export type SessionTimerInput = 'wake' | 'failed' | 'lost' | { readonly retryInMs: number }

/** `refresh` the session; `expire`: it is over and ended by a BYE. */
export type SessionTimerEffect = 'refresh' | 'expire'

export interface SessionTimerStep {
  readonly state: SessionTimerState
  readonly effects: readonly SessionTimerEffect[]
}

/** The BYE leaves a third of the interval before its end, or so many ms (RFC 4028 §10). */
const MAX_EARLY_MS = 32_000

/** With less than this left no refresh is tried again (our policy): its answer would come too late. */
const MIN_LEFT_MS = 100

/** The state from the moment of the 2xx: a refresh is due after half of the interval (RFC 4028 §7.2). */
export function startSessionTimer({ intervalS, weRefresh }: SessionTerms, nowMs: number): SessionTimerState {
  const intervalMs = intervalS * 1000
  return {
    refreshAtMs: weRefresh ? nowMs + intervalMs / 2 : undefined,
    endAtMs: nowMs + intervalMs - Math.min(MAX_EARLY_MS, intervalMs / 3),
  }
}

/**
 * How long a request waits that met one of the peer (RFC 3261 §14.1): the side that made the call 2.1 to 4 s, the other up to 2 s, so that they
 * do not meet again. `random` is in [0, 1).
 */
export const glareBackoffMs = (role: Dialog['role'], random: number): number =>
  role === 'uac' ? 2100 + Math.floor(random * 191) * 10 : Math.floor(random * 201) * 10

/** One input. A refused refresh is tried again after half of the time that is left, or earlier. */
export function stepSessionTimer(state: SessionTimerState, input: SessionTimerInput, nowMs: number): SessionTimerStep {
  if (input === 'lost' || nowMs >= state.endAtMs) return { state, effects: ['expire'] }
  if (input !== 'wake') {
    if (state.endAtMs - nowMs < MIN_LEFT_MS) return { state: { ...state, refreshAtMs: undefined }, effects: [] }
    const halfMs = (state.endAtMs - nowMs) / 2
    const inMs = input === 'failed' ? halfMs : Math.min(input.retryInMs, halfMs)
    return { state: { ...state, refreshAtMs: nowMs + inMs }, effects: [] }
  }
  if (state.refreshAtMs === undefined || nowMs < state.refreshAtMs) return { state, effects: [] }
  return { state: { ...state, refreshAtMs: undefined }, effects: ['refresh'] }
}

/** When the next `wake` is wanted. */
export const sessionTimerDeadlineMs = ({ refreshAtMs, endAtMs }: SessionTimerState): number =>
  Math.min(refreshAtMs ?? endAtMs, endAtMs)
