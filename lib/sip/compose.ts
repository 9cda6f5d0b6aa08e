import type { Result } from '../core/result.ts'
import { buildRequest, buildResponse, type HeaderInput } from './build.ts'
import { isToken } from './chars.ts'
import { type Dialog, routeInDialog } from './dialog.ts'
import { type Draft, draftHeader, passedHeaders, withLocalAddress } from './draft.ts'
import { splitList } from './list-values.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { CONTACT_METHODS } from './methods.ts'
import { formatNameAddr, parseNameAddr, tagOf } from './name-addr.ts'
import type { SipFault } from './parse-error.ts'
import { DEFAULT_SIP_PORT, type Protocol } from './targets.ts'
import { uriHost } from './uri.ts'

/** One of our own addresses, as others see it. */
export interface LocalAddress {
  readonly protocol: Protocol
  /** An IPv6 address has no brackets. */
  readonly host: string
  readonly port: number
}

/** `host:port`, with brackets for IPv6. */
export const hostPort = (host: string, port: number): string => `${uriHost(host)}:${port}`

/** `host` or, beside 5060, `host:port`. */
const shortHostPort = (local: LocalAddress): string => {
  const text = hostPort(local.host, local.port)
  return local.port === DEFAULT_SIP_PORT ? text.slice(0, text.lastIndexOf(':')) : text
}

/** The Contact we fill in where the application gives none. */
export function contactOf(local: LocalAddress): string {
  const transport = local.protocol === 'udp' ? '' : `;transport=${local.protocol}`
  return `<sip:${hostPort(local.host, local.port)}${transport}>`
}

/** The Via value of a request of ours; it asks for `rport` (RFC 3581 §3). */
export const viaOf = (local: LocalAddress, branch: string): string =>
  `SIP/2.0/${local.protocol.toUpperCase()} ${hostPort(local.host, local.port)};rport;branch=${branch}`

const DEFAULT_MAX_FORWARDS = '70'

/** Headers of a request that the server writes first, from the draft or by itself. */
const REQUEST_OWN = new Set(['max-forwards', 'from', 'to', 'call-id', 'cseq', 'contact'])
const RESPONSE_OWN = new Set(['from', 'to', 'call-id', 'cseq', 'contact'])

export interface NewRequestContext {
  readonly local: LocalAddress
  readonly branch: string
  /** Used where the draft's From has no tag, no Call-ID, no CSeq. */
  readonly fresh: { readonly tag: string; readonly callId: string; readonly seq: number }
  readonly userAgent: string | undefined
}

/** A request outside of dialogs, from what the application gave (RFC 3261 §8.1.1). */
export function composeRequest(
  draft: Draft,
  method: string,
  uri: string,
  context: NewRequestContext,
): Result<SipRequest, SipFault> {
  const address = shortHostPort(context.local)
  const from = withLocalAddress(
    draftHeader(draft, 'from') ?? `<sip:${hostPort(context.local.host, context.local.port)}>`,
    address,
  )
  const to = bracketed(withLocalAddress(draftHeader(draft, 'to') ?? `<${uri}>`, address))
  const seq = /^\s*(\d+)/.exec(draftHeader(draft, 'cseq') ?? '')?.[1] ?? String(context.fresh.seq)
  const headers: HeaderInput[] = [
    ['Via', viaOf(context.local, context.branch)],
    ['Max-Forwards', draftHeader(draft, 'max-forwards') ?? DEFAULT_MAX_FORWARDS],
    ['From', withTag(from, context.fresh.tag)],
    ['To', to],
    ['Call-ID', draftHeader(draft, 'call-id') ?? context.fresh.callId],
    ['CSeq', `${seq} ${method}`],
    ...contactHeaders(draft, method, context.local),
    ...passedHeaders(draft, REQUEST_OWN, address),
    ...userAgentHeader(draft, 'User-Agent', context.userAgent),
  ]
  return buildRequest({ method, uri, headers, body: draft.body })
}

export interface InDialogContext {
  readonly local: LocalAddress
  readonly branch: string
  readonly seq: number
  readonly userAgent: string | undefined
}

/** A request in a dialog (RFC 3261 §12.2.1.1): URI, routes, tags and CSeq are the dialog's, the rest the draft's. */
export function composeInDialog(
  draft: Draft,
  method: string,
  dialog: Dialog,
  context: InDialogContext,
): Result<SipRequest, SipFault> {
  const address = shortHostPort(context.local)
  const route = routeInDialog(dialog)
  const headers: HeaderInput[] = [
    ['Via', viaOf(context.local, context.branch)],
    ...route.routes.map((value): HeaderInput => ['Route', value]),
    ['Max-Forwards', draftHeader(draft, 'max-forwards') ?? DEFAULT_MAX_FORWARDS],
    ['From', dialog.local],
    ['To', dialog.remote],
    ['Call-ID', dialog.callId],
    ['CSeq', `${context.seq} ${method}`],
    ...contactHeaders(draft, method, context.local),
    ...passedHeaders(draft, REQUEST_OWN, address),
    ...userAgentHeader(draft, 'User-Agent', context.userAgent),
  ]
  return buildRequest({ method, uri: route.uri, headers, body: draft.body })
}

export interface ResponseContext {
  readonly local: LocalAddress
  /** Our To tag where the request had none. */
  readonly toTag: string
  readonly userAgent: string | undefined
}

/** The response to a request, from what the application gave (RFC 3261 §8.2.6). */
export function composeResponse(
  request: SipRequest,
  draft: Draft,
  status: number,
  reason: string,
  context: ResponseContext,
): Result<SipResponse, SipFault> {
  const headers: HeaderInput[] = [
    ...(status > 100 && status < 300
      ? contactHeaders(draft, request.method, context.local)
      : givenContact(draft, shortHostPort(context.local))),
    ...passedHeaders(draft, RESPONSE_OWN, shortHostPort(context.local)),
    ...userAgentHeader(draft, 'Server', context.userAgent),
  ]
  return buildResponse(request, status, reason, { toTag: context.toTag, headers, body: draft.body })
}

/** The To tag that the application asks for by a `To` header with a tag; undefined where it leaves that to us, or gives no token. */
export function requestedToTag(draft: Draft): string | undefined {
  const tag = /(?:^|;)\s*tag=([^;,\s]+)/i.exec(draftHeader(draft, 'to') ?? '')?.[1]
  return tag !== undefined && isToken(tag) ? tag : undefined
}

/**
 * The ACK of a non-2xx final response (RFC 3261 §17.1.1.3): the INVITE's own Via, URI and routes; the response's To, as it came unless that is
 * nothing that a request may have.
 */
export function composeFailureAck(invite: SipRequest, response: SipResponse): Result<SipRequest, SipFault> {
  const asCame = response.header('To') ?? ''
  const to = parseNameAddr(asCame) === undefined ? formatNameAddr(response.to()) : asCame
  return buildRequest({
    method: 'ACK',
    uri: invite.uri,
    headers: [...hopHeaders(invite), ['To', to], ['CSeq', `${invite.cseq().seq} ACK`]],
  })
}

/** The CANCEL of an INVITE (RFC 3261 §9.1), with what the application adds, such as a Reason. */
export function composeCancel(invite: SipRequest, draft: Draft | undefined): Result<SipRequest, SipFault> {
  const added = draft === undefined ? [] : passedHeaders(draft, REQUEST_OWN, '')
  return buildRequest({
    method: 'CANCEL',
    uri: invite.uri,
    headers: [
      ...hopHeaders(invite),
      ['To', invite.header('To') ?? ''],
      ['CSeq', `${invite.cseq().seq} CANCEL`],
      ...added.filter(([name]) => !/^content-/i.test(name)),
    ],
  })
}

/** What ACK and CANCEL take over from their INVITE as it stands: the top Via alone, the routes, From and Call-ID. */
function hopHeaders(invite: SipRequest): HeaderInput[] {
  const [via = ''] = invite.values('Via')
  return [
    ['Via', via],
    ...invite.headers('Route').map((value): HeaderInput => ['Route', value]),
    ['Max-Forwards', DEFAULT_MAX_FORWARDS],
    ['From', invite.header('From') ?? ''],
    ['Call-ID', invite.callId],
  ]
}

function contactHeaders(draft: Draft, method: string, local: LocalAddress): HeaderInput[] {
  const given = givenContact(draft, shortHostPort(local))
  return given.length > 0 || !CONTACT_METHODS.has(method) ? given : [['Contact', contactOf(local)]]
}

function givenContact(draft: Draft, address: string): HeaderInput[] {
  const contact = draftHeader(draft, 'contact')
  return contact === undefined ? [] : [['Contact', bracketed(withLocalAddress(contact, address))]]
}

/** Each address with brackets around its URI, as drachtio-server writes them: there are peers that look for these. */
function bracketed(value: string): string {
  if (value.includes('<')) return value
  const written = splitList(value).map((one) => {
    const address = parseNameAddr(one)
    return address === undefined ? one : formatNameAddr(address)
  })
  return written.join(', ')
}

function userAgentHeader(draft: Draft, name: 'User-Agent' | 'Server', value: string | undefined): HeaderInput[] {
  return value === undefined || draftHeader(draft, name.toLowerCase()) !== undefined ? [] : [[name, value]]
}

function withTag(value: string, tag: string): string {
  const address = parseNameAddr(value)
  if (address === undefined || tagOf(address) !== undefined) return value
  return formatNameAddr({ ...address, params: address.params.with('tag', tag) })
}
