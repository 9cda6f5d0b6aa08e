import { parseDecimal } from './chars.ts'

/** How long a subscription lives that nobody has said a time for, in seconds (our policy; RFC 6665 §3.1.1 leaves it to event packages). */
const DEFAULT_SUBSCRIPTION_S = 3600

/** The longest we reckon with, in seconds: a day. */
const MAX_SUBSCRIPTION_S = 86_400

/** Which subscription of a dialog a message is about: the event package, and the id where several are of one (RFC 6665 §8.2.1). */
export interface SubscriptionKey {
  readonly event: string
  readonly id: string | undefined
}

/** Reads an Event value; a missing one names an event of no name. A REFER, which has none, makes one of `refer` (RFC 3515 §2.4.4). */
export function subscriptionKey(method: string, event: string | undefined): SubscriptionKey {
  if (method === 'REFER') return { event: 'refer', id: undefined }
  const [, name = '', params = ''] = /^\s*([^\s;]+)\s*(;.*)?$/.exec(event ?? '') ?? []
  return { event: name.toLowerCase(), id: /;\s*id\s*=\s*([^\s;]+)/i.exec(params)?.[1] }
}

/** The seconds of an Expires value, or a default; a day at most. */
export const subscriptionSeconds = (expires: string | undefined): number =>
  Math.min(parseDecimal(expires?.trim() ?? '', 2 ** 32 - 1) ?? DEFAULT_SUBSCRIPTION_S, MAX_SUBSCRIPTION_S)

/** What a NOTIFY says of its subscription (RFC 6665 §8.2.3): that it is over, or how many seconds are left, where it says so. */
export function subscriptionState(text: string | undefined): 'terminated' | { readonly leftS: number | undefined } {
  const [state = '', ...params] = (text ?? '').split(';').map((part) => part.trim())
  if (state.toLowerCase() === 'terminated') return 'terminated'
  const expires = params.map((param) => /^expires\s*=\s*(\d+)$/i.exec(param)?.[1]).find((value) => value !== undefined)
  return { leftS: expires === undefined ? undefined : subscriptionSeconds(expires) }
}
