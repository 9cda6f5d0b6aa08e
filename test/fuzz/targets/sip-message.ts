import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { buildRefusal, buildResponse } from '../../../lib/sip/build.ts'
import { composeCancel, composeFailureAck } from '../../../lib/sip/compose.ts'
import { afterRemoteRequest, isUsableSuccess, openAsUac, openAsUas, routeInDialog } from '../../../lib/sip/dialog.ts'
import { pickChallenge } from '../../../lib/sip/digest.ts'
import { markSource, plainBytes, popVia } from '../../../lib/sip/edit.ts'
import { judgeRequest } from '../../../lib/sip/judge-request.ts'
import type { SipMessage, SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import type { SipFaultCode } from '../../../lib/sip/parse-error.ts'
import { findAnswerable, parseMessage } from '../../../lib/sip/parser.ts'
import { forwardRequest, isLooped, loopHash, maxBreadth } from '../../../lib/sip/proxy-request.ts'
import { redirectTargets, withAllChallenges } from '../../../lib/sip/proxy-response.ts'
import { passThrough } from '../../../lib/sip/proxy-route.ts'
import { reliabilityOf, reliableSeq } from '../../../lib/sip/reliability.ts'
import { sessionBodyOf } from '../../../lib/sip/session-body.ts'
import { takenTerms } from '../../../lib/sip/session-timer.ts'
import { responseTarget, targetOfUri } from '../../../lib/sip/targets.ts'
import { INVALID } from '../../conformance/rfc4475/invalid.ts'
import { SEMANTICS } from '../../conformance/rfc4475/semantics.ts'
import { VALID } from '../../conformance/rfc4475/valid.ts'
import { STRANGERS_MS, seedsOf, type Target } from '../target.ts'

/** The messages of RFC 4475, and ordinary traffic. */
export const SIP_CORPUS: readonly Buffer[] = [
  ...[...VALID, ...INVALID, ...SEMANTICS].map(({ bytes }) => bytes),
  ...seedsOf('sip'),
]

export const SIP_WORDS = [
  'SIP/2.0', 'INVITE', 'ACK', 'CANCEL', 'BYE', 'PRACK', 'UPDATE', 'REGISTER', 'OPTIONS', 'sip:', 'sips:', 'tel:', 'urn:', ';tag=', ';branch=z9hG4bK',
  ';branch=', ';rport', ';received=', ';maddr=', ';ttl=', ';lr', ';transport=', 'tcp', 'tls', 'ws', '<', '>', '""', '*', '@', '?h=v', '%00', '%zz',
  '[::1]', '[', ']', '192.0.2.1', 'Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n', 'Route: <sip:192.0.2.1;lr>\r\n', 'Record-Route: <sip:a>\r\n',
  'Content-Length: 0\r\n', 'l: 5\r\n', 'Require: 100rel\r\n', 'RSeq: 1\r\n', 'RAck: 1 1 INVITE\r\n', 'Contact: *\r\n', 'm: <sip:a@b>\r\n', 'Max-Forwards: 0\r\n',
  'Max-Breadth: 0\r\n', 'Session-Expires: 1\r\n', 'Supported: timer, 100rel\r\n', 'Replaces: a;to-tag=b;from-tag=c\r\n', 'Proxy-Require: x\r\n', '\r\n\r\n', '\r\n', '()',
] as const // biome-ignore format: a table

/** Faults of messages that our own headers have taken over a limit. */
const LIMITS: ReadonlySet<SipFaultCode> = new Set([
  'message-too-large',
  'too-many-headers',
  'too-many-values',
  'header-too-long',
])

/** What we would send has to be let in by ourselves. */
function assertSendable(bytes: Buffer, what: string): void {
  const parsed = parseMessage(bytes)
  assert.ok(parsed.ok || LIMITS.has(parsed.error.code), `${what} is refused: ${parsed.ok ? '' : parsed.error.message}`)
}

const facts = (message: SipMessage) => ({
  startLine: message.startLine,
  headers: [...message.headerLines()],
  essentials: JSON.stringify(message.essentials),
  body: message.body.toString('latin1'),
})

function checkStable(message: SipMessage): void {
  const bytes = message.serialize()
  const again = parseMessage(bytes)
  assert.ok(again.ok || LIMITS.has(again.error.code), `refused the second time: ${again.ok ? '' : again.error.message}`)
  if (!again.ok) return
  assert.deepEqual(again.value.serialize(), bytes)
  assert.deepEqual(facts(again.value).essentials, facts(message).essentials)
  assert.deepEqual(again.value.body, message.body)
}

/** How the published drachtio-srf reads messages, in the main thread of a node. */
const readBySrf = srfParser()

function srfParser(): (text: string, lazy: boolean) => unknown {
  const parser: unknown = createRequire(import.meta.url)('drachtio-srf/lib/sip-parser/parser')
  const parse: unknown = typeof parser === 'object' && parser !== null ? Reflect.get(parser, 'parseSipMessage') : null
  if (typeof parse !== 'function') throw new Error('this drachtio-srf has no parser where it used to be')
  return (text, lazy) => parse(text, lazy)
}

const LOCAL = { protocol: 'udp', host: '192.0.2.1', port: 5060 } as const

function checkRequest(request: SipRequest): void {
  // An ACK is judged and answered by nobody, so that its Request-URI may be anything.
  if (request.method !== 'ACK') judgeRequest(request, false, 90)
  reliabilityOf(request)
  targetOfUri(request.uri)
  responseTarget(request.topVia(), 'udp', '198.51.100.7', 5060)
  const marked = markSource(request, '198.51.100.7', 50_600)
  assertSendable(marked.serialize(), 'a request with its source')
  for (const status of [100, 183, 200, 404]) {
    const response = buildResponse(marked, status, 'Reason', { toTag: 'ours' })
    assert.ok(response.ok, `no ${status} can be made`)
    assertSendable(response.value.serialize(), `the ${status}`)
  }
  isLooped(request, loopHash(request), () => true)
  const forwarded = forwardRequest(marked, {
    uri: 'sip:bob@203.0.113.9',
    routes: [],
    recordRoutes: ['<sip:192.0.2.1;lr>'],
    breadth: maxBreadth(request),
    headers: [],
    local: LOCAL,
    branch: 'z9hG4bKours',
  })
  if (forwarded.ok) assertSendable(forwarded.value.serialize(), 'a request that is sent on')
  passThrough(request, (uri) => uri.includes('192.0.2.1'))
  const cancel = composeCancel(request, undefined)
  if (request.method === 'INVITE') assert.ok(cancel.ok, 'no CANCEL can be made')
  const dialog = openAsUas(request, 'ours', 'confirmed')
  if (dialog !== undefined) targetOfUri(routeInDialog(afterRemoteRequest(dialog, request)).nextHop)
}

const INVITE = parsedRequest(`INVITE sip:bob@192.0.2.9 SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r
From: <sip:a@192.0.2.1>;tag=a\r
To: <sip:bob@192.0.2.9>\r
Call-ID: c\r
CSeq: 1 INVITE\r
Contact: <sip:a@192.0.2.1>\r
\r
`)

function parsedRequest(text: string): SipRequest {
  const parsed = parseMessage(Buffer.from(text))
  if (!parsed.ok || parsed.value.kind !== 'request') throw new Error('the INVITE of the target is none')
  return parsed.value
}

function checkResponse(response: SipResponse): void {
  const popped = popVia(response)
  if (popped !== undefined) assertSendable(popped.serialize(), 'a response that is sent back')
  const dialog = openAsUac(INVITE, response)
  if (dialog !== undefined) targetOfUri(routeInDialog(dialog).nextHop)
  isUsableSuccess(INVITE, response)
  if (response.status >= 300) assert.ok(composeFailureAck(INVITE, response).ok, 'no ACK can be made')
  redirectTargets(response, false).map(targetOfUri)
  withAllChallenges(response, [response])
  pickChallenge([...response.headers('WWW-Authenticate'), ...response.headers('Proxy-Authenticate')])
  reliableSeq(response)
  takenTerms(response)
}

/** One message as it comes in a datagram: what it is let in with can be used, sent on, answered and read again. */
export const SIP_MESSAGE: Target = {
  name: 'sip',
  corpus: SIP_CORPUS,
  words: SIP_WORDS,
  limitMs: STRANGERS_MS,
  check: (input) => {
    findAnswerable(input)
    const parsed = parseMessage(input)
    if (!parsed.ok) {
      const refusal = buildRefusal(parsed.error, 'Bad Request', 'ours', 'fuzz')
      assert.ok((refusal?.length ?? 0) <= input.length + 512, 'a refusal much longer than what it refuses')
      return
    }
    const message = parsed.value
    assert.ok(readBySrf(plainBytes(message, input).toString('utf8'), true), 'drachtio-srf cannot read it')
    message.contacts()
    message.routes()
    message.recordRoutes()
    sessionBodyOf({
      type: message.header('Content-Type'),
      disposition: message.header('Content-Disposition'),
      encoding: message.header('Content-Encoding'),
      body: message.body.toString('utf8'),
    })
    checkStable(message)
    if (message.kind === 'request') checkRequest(message)
    else checkResponse(message)
  },
}
