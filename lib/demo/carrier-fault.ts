import { assertNever } from '../core/assert-never.ts'

/** What is wrong with a simulated carrier. One at a time; each is something that carriers do to their customers. */
export type CarrierFault =
  | { readonly kind: 'none' }
  /** Neither SIP nor RTP comes or goes, on calls that are up as well: an uplink that is cut. */
  | { readonly kind: 'silent' }
  /** Each INVITE gets this status, with Retry-After unless null. OPTIONS are still answered 200. */
  | { readonly kind: 'reject'; readonly status: number; readonly retryAfterS: number | null }
  /** An INVITE gets 100 and nothing more. OPTIONS are still answered 200. */
  | { readonly kind: 'blackhole' }
  /** Well for `upMs`, then silent for `downMs`, and so on. */
  | { readonly kind: 'flap'; readonly upMs: number; readonly downMs: number }
  /** Answers, and sends no RTP; what is sent to it is taken. Calls that are up fall mute as well. */
  | { readonly kind: 'mute' }
  /** Of the RTP packets that it would send, 0 to 100 percent are not sent, on calls that are up as well. */
  | { readonly kind: 'loss'; readonly percent: number }
  /** Each SIP message that it sends, a 100 as well, leaves this much later. */
  | { readonly kind: 'delay'; readonly ms: number }

/** What becomes of an INVITE for a number at a carrier. */
export type InviteFate =
  | { readonly kind: 'answer' }
  | { readonly kind: 'refuse'; readonly status: number; readonly retryAfterS: number | null }
  | { readonly kind: 'swallow' }

/**
 * Numbers that answer by themselves, as the test numbers of real carriers do: `+1999555` and four digits, of which the last
 * three are a status from 400 to 699. No callee has them: 999 is no area code.
 */
const STATUS_NUMBER = /^\+?1999555\d([4-6]\d\d)$/

/** A carrier's fault goes before what a number would do. */
export function judgeInvite(fault: CarrierFault, number: string): InviteFate {
  if (fault.kind === 'reject') return { kind: 'refuse', status: fault.status, retryAfterS: fault.retryAfterS }
  if (fault.kind === 'blackhole') return { kind: 'swallow' }
  const status = STATUS_NUMBER.exec(number)?.[1]
  return status === undefined ? { kind: 'answer' } : { kind: 'refuse', status: Number(status), retryAfterS: null }
}

/** The state of a carrier's line to the world, and until when it stays so; null: for good. */
export interface LineNow {
  readonly cut: boolean
  /** How much later each SIP message leaves. */
  readonly delayMs: number
  readonly untilMs: number | null
}

/** @param sinceMs when the fault began, on the same clock as `nowMs`; a line that flaps begins well */
export function lineAt(fault: CarrierFault, sinceMs: number, nowMs: number): LineNow {
  switch (fault.kind) {
    case 'none':
    case 'reject':
    case 'blackhole':
    case 'mute':
    case 'loss':
      return { cut: false, delayMs: 0, untilMs: null }
    case 'silent':
      return { cut: true, delayMs: 0, untilMs: null }
    case 'delay':
      return { cut: false, delayMs: fault.ms, untilMs: null }
    case 'flap': {
      const roundMs = fault.upMs + fault.downMs
      const startMs = sinceMs + Math.floor((nowMs - sinceMs) / roundMs) * roundMs
      const cut = nowMs - startMs >= fault.upMs
      return { cut, delayMs: 0, untilMs: startMs + (cut ? roundMs : fault.upMs) }
    }
    default:
      return assertNever(fault)
  }
}

/**
 * Whether an RTP packet of the carrier leaves.
 *
 * @param chance 0 to 1, evenly
 */
export function sendsRtp(fault: CarrierFault, chance: number): boolean {
  if (fault.kind === 'mute') return false
  return fault.kind !== 'loss' || chance * 100 >= fault.percent
}

/** Why a fault cannot be simulated; undefined: it can. */
export function objectionTo(fault: CarrierFault): string | undefined {
  const isTime = (ms: number): boolean => Number.isFinite(ms) && ms > 0 && ms <= MAX_FAULT_MS
  switch (fault.kind) {
    case 'none':
    case 'silent':
    case 'blackhole':
    case 'mute':
      return undefined
    case 'reject': {
      const { status } = fault
      return Number.isInteger(status) && status >= 300 && status < 700 ? undefined : `${status} refuses no call`
    }
    case 'flap':
      return isTime(fault.upMs) && isTime(fault.downMs)
        ? undefined
        : 'a carrier flaps in times above 0 ms up to an hour'
    case 'loss':
      return fault.percent >= 0 && fault.percent <= 100 ? undefined : `${fault.percent} % of packets cannot be lost`
    case 'delay':
      return isTime(fault.ms) ? undefined : 'a carrier is late by more than 0 ms and up to an hour'
    default:
      return assertNever(fault)
  }
}

const MAX_FAULT_MS = 3_600_000
