import { parseDecimal } from './chars.ts'
import { type CSeq, MAX_CSEQ, parseCSeq } from './cseq.ts'
import { type Draft, draftHeader } from './draft.ts'
import { NO_BODY, type SipRequest, type SipResponse } from './message.ts'

/** The option tag of reliable provisional responses (RFC 3262 §8.1). */
const RELIABLE = '100rel'

/** The highest RSeq that may be chosen or sent (RFC 3262 §7.1). */
const MAX_RSEQ = 2 ** 32 - 1

/** Which provisional response a PRACK acknowledges: its RSeq, and the CSeq of the INVITE (RFC 3262 §7.2). */
export interface RAck {
  readonly rseq: number
  readonly cseq: CSeq
}

/**
 * Parses `response-number LWS CSeq-number LWS method`; undefined where it is malformed. The method said twice counts once, as with
 * drachtio-server: peers take the whole CSeq of the response for its number.
 */
export function parseRAck(text: string): RAck | undefined {
  const [digits = '', seq = '', method = '', again = method, ...more] = text.trim().split(/[ \t]+/)
  if (again !== method || more.length > 0) return undefined
  const rseq = parseDecimal(digits, MAX_RSEQ)
  const cseq = parseCSeq(`${seq} ${method}`)
  return rseq === undefined || cseq === undefined || cseq.seq > MAX_CSEQ ? undefined : { rseq, cseq }
}

/** Whether a list of option tags names `tag`. */
export const listsTag = (values: readonly string[], tag: string): boolean =>
  values.some((value) => value.trim().toLowerCase() === tag)

/** How the sender of an INVITE takes provisional responses above 100 (RFC 3262 §3). */
export function reliabilityOf(invite: SipRequest): 'required' | 'supported' | 'unsupported' {
  if (listsTag(invite.values('Require'), RELIABLE)) return 'required'
  return listsTag(invite.values('Supported'), RELIABLE) ? 'supported' : 'unsupported'
}

/** Whether an application wants its provisional response to be reliable: it requires 100rel in it. */
export const wantsReliable = (draft: Draft): boolean =>
  listsTag((draftHeader(draft, 'require') ?? '').split(','), RELIABLE)

/** The draft of a provisional response with what makes it reliable (RFC 3262 §3): Require and RSeq. */
export function withReliability(draft: Draft, rseq: number): Draft {
  const require = draftHeader(draft, 'require')
  const tags = [...(require === undefined ? [] : [require]), ...(wantsReliable(draft) ? [] : [RELIABLE])].join(', ')
  return {
    ...draft,
    headers: [
      ...draft.headers.filter(({ key }) => key !== 'require' && key !== 'rseq'),
      { name: 'Require', key: 'require', value: tags },
      { name: 'RSeq', key: 'rseq', value: String(rseq) },
    ],
  }
}

/** The RSeq of a provisional response that wants a PRACK; undefined where it wants none (RFC 3262 §4). */
export function reliableSeq(response: SipResponse): number | undefined {
  if (response.status <= 100 || response.status >= 200) return undefined
  if (!listsTag(response.values('Require'), RELIABLE)) return undefined
  const rseq = parseDecimal(response.header('RSeq') ?? '', MAX_RSEQ)
  return rseq === 0 ? undefined : rseq
}

/**
 * What is said to a PRACK that nobody but the server answers (RFC 3262 §5): 200, to an offer in it with the session as it stands, and 488 where
 * that has another number of streams, or there is none.
 *
 * @param session the session description in the response that the PRACK acknowledges; empty where it had none
 */
export function answerPrack(prack: SipRequest, session: Buffer): { readonly status: 200 | 488; readonly body: Buffer } {
  if (prack.body.length === 0) return { status: 200, body: NO_BODY }
  const fits = session.length > 0 && streamCount(session) === streamCount(prack.body)
  return fits ? { status: 200, body: session } : { status: 488, body: NO_BODY }
}

const streamCount = (sdp: Buffer): number => sdp.toString('latin1').match(/^m=/gm)?.length ?? 0

/**
 * Whether a reliable response is new to a UAC that has seen `latest` last: the first, or the next one. One that is neither came again,
 * or before another that was lost, and is not to be acknowledged (RFC 3262 §4).
 */
export const isNextReliable = (latest: number | undefined, rseq: number): boolean =>
  latest === undefined || rseq === latest + 1
