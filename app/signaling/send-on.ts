import type Srf from 'drachtio-srf'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { callMethod, propertyOf } from './srf-inside.ts'

/** Where an INVITE is sent on to, and how. */
export interface ProxyWish {
  readonly to: readonly string[]
  /** All at once, or each after the one before has failed. */
  readonly isParallel: boolean
  /** Without any response within this time, a destination is given up. */
  readonly silenceMs: number
  /** Without a final response within this time, one is given up; null: not by us. */
  readonly timeoutMs: number | null
}

/** A response to an INVITE that was sent on. */
export interface ProxyAnswer {
  readonly status: number
  /** `sip:ADDRESS:PORT` that it came from. */
  readonly from: string
}

/** Has the SIP server send a request on (RFC 3261 §16). Resolves with every final response that came, once its client has one. */
export async function sendOn(
  req: Srf.SrfRequest,
  { to, isParallel, silenceMs, timeoutMs }: ProxyWish,
): Promise<Result<readonly ProxyAnswer[], Error>> {
  try {
    const result = await callMethod(req, 'proxy', {
      destination: [...to],
      forking: isParallel ? 'simultaneous' : 'sequential',
      remainInDialog: false,
      followRedirects: false,
      provisionalTimeout: `${silenceMs}ms`,
      ...(timeoutMs !== null && { finalTimeout: `${timeoutMs}ms` }),
    })
    return ok(listOf(propertyOf(result, 'responses')).flatMap(answersOf))
  } catch (error) {
    return err(error instanceof Error ? error : new Error(String(error)))
  }
}

/** drachtio-srf keeps what came by the address that it came from. */
function answersOf(place: unknown): readonly ProxyAnswer[] {
  const from = `sip:${String(propertyOf(place, 'address'))}:${String(propertyOf(place, 'port'))}`
  return listOf(propertyOf(place, 'msgs')).flatMap((answer) => {
    const status = propertyOf(answer, 'status')
    return typeof status === 'number' && status >= 200 ? [{ status, from }] : []
  })
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
