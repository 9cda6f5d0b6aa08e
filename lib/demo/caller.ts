import { redirectTargets } from '../trunk/redirect.ts'
import { loopbackHosts } from './loopback.ts'

/** A carrier's way through the answers to one call that it places. */
export interface Calling {
  /** Request-URIs to try, the next first. */
  readonly ahead: readonly string[]
  readonly tried: readonly string[]
  /** 302 that were followed. */
  readonly redirects: number
}

/** What an INVITE came to; status null: nothing came. `contact` is the Contact header of a 3xx. */
export interface CallingAnswer {
  readonly status: number | null
  readonly contact: string
}

/** Carriers that follow 302 do so a few times and no more. */
const MAX_REDIRECTS = 5

export const beginCalling = (uri: string): Calling => ({ ahead: [], tried: [uri], redirects: 0 })

/**
 * Where the call goes after an answer that did not take it: the Contacts of a 3xx in the order of their q, each once and on this
 * machine only, and the next of those after a 5xx, a 408 or nothing at all. Undefined: the answer is the call's last.
 */
export function judgeCalling(
  calling: Calling,
  answer: CallingAnswer,
): (Calling & { readonly uri: string }) | undefined {
  const { status, contact } = answer
  const redirected = status !== null && status >= 300 && status < 400
  if (redirected && calling.redirects < MAX_REDIRECTS) {
    const visited = [...calling.tried, ...calling.ahead]
    const found = redirectTargets(contact, loopbackHosts(contact), visited)
    return next({
      ...calling,
      ahead: [...found, ...calling.ahead],
      redirects: calling.redirects + (found.length > 0 ? 1 : 0),
    })
  }
  const failed = status === null || status === 408 || (status >= 500 && status < 600)
  return failed || redirected ? next(calling) : undefined
}

function next(calling: Calling): (Calling & { readonly uri: string }) | undefined {
  const [uri, ...ahead] = calling.ahead
  return uri === undefined ? undefined : { ...calling, ahead, tried: [...calling.tried, uri], uri }
}
