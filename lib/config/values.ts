import * as z from 'zod'
import { nodeId, tenantId, trunkId } from '../core/ids.ts'
import { isIp, isLoopback, parseDomain, parseHostPort, parseListen, parseSipAddress, parseSource } from './addresses.ts'

/**
 * The kinds of value that a config key can have. Every message here completes the sentence "expected …", and says what
 * would be right, not what was wrong.
 */

/** A schema for text that `parse` takes apart; `expected` names what it takes. */
export function text<T>(parse: (text: string) => T | undefined, expected: string) {
  return z.string(expected).transform((value, context): T => {
    const result = parse(value)
    if (result !== undefined) return result
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  })
}

/** A value that may be left out; null where it is. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.optional().transform((value) => value ?? null)
}

const NAME = 'a name of up to 63 letters, digits, ".", "_" or "-" that begins with a letter or digit'
export const name = z.string(NAME).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, NAME)
export const nodeIdText = name.transform(nodeId)
export const trunkIdText = name.transform(trunkId)
export const tenantIdText = name.transform(tenantId)

/** Text that must not be empty, and is no longer than a config value can sensibly be. */
export const words = (expected: string) =>
  z.string(expected).min(1, expected).max(32_768, `${expected}, at most 32768 characters`)

/** A secret: told in problems as such, never by its value (`SECRET_KEYS` in problem.ts). */
export const secret = words('a secret (text)')

export const sipAddress = text(parseSipAddress, 'a SIP URI such as "sip:192.0.2.1:5060;transport=tcp"')
export const listenAddress = text(
  parseListen,
  'a listen address such as "udp:127.0.0.1:5060" (udp, tcp or tls, host, port)',
)
export const hostPort = text(parseHostPort, 'HOST:PORT such as "127.0.0.1:8080"')
export const ipAddress = text((value) => (isIp(value) ? value : undefined), 'an IP address')
export const hostName = text(
  (value) => (parseHostPort(`${value}:1`) === undefined ? undefined : value.toLowerCase()),
  'a host name or IPv4 address',
)
export const domainName = text(parseDomain, 'a domain name such as "sip.example.net"')
export const dnsListenAddress = text((value) => {
  const address = parseListen(value)
  return address === undefined || address.protocol === 'tls' || !isIp(address.host)
    ? undefined
    : { protocol: address.protocol, host: address.host, port: address.port }
}, 'a listen address such as "udp:192.0.2.1:53" (udp, which serves TCP too, or tcp alone; an IP address, port)')

const source = text(
  parseSource,
  'an IP address, with /BITS for a network or :PORT for one port, such as "192.0.2.0/24"',
)
const narrowedSource = z
  .strictObject({
    address: source.describe('Address or network, as in the short form.'),
    transport: optional(z.enum(['udp', 'tcp', 'tls'])).describe('Only requests over this transport.'),
    host: optional(hostName).describe('Only requests whose request-URI names this host.'),
  })
  .transform(({ address, transport, host }) => ({ ...address, transport: transport ?? address.transport, host }))
export const sourceAddress = z.union([source, narrowedSource])

/** E.164 with its plus sign, or an extension of up to six digits for tests and internal use. */
export const number = z
  .string('a number in E.164, in quotes, such as "+12025550100"')
  .regex(/^(?:\+[1-9]\d{2,14}|\d{1,6})$/, 'a number in E.164 such as "+12025550100", or an extension of up to 6 digits')

const CALLER_ID = 'a number in E.164 such as "+12025550100", or how numbers begin, such as "+1202555*"'
/** A calling number, or all that begin so. */
export const callerId = z.string(`${CALLER_ID}, in quotes`).regex(/^\+[1-9](?:\d{2,14}|\d{0,13}\*)$/, CALLER_ID)

export const count = (min: number, max: number) => z.int(`a whole number from ${min} to ${max}`).min(min).max(max)
export const ratio = z.number('a number from 0 to 1').min(0).max(1)

/** The range of UDP ports for RTP: even ports carry RTP, each with RTCP one above it (RFC 3550 §11). */
export const portRange = text((value) => {
  const match = /^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(value)
  const [from, to] = [Number(match?.[1]), Number(match?.[2])]
  const fits = match !== null && from >= 1_024 && to <= 65_535 && from % 2 === 0 && to % 2 === 1 && from < to
  return fits ? { from, to } : undefined
}, 'a port range such as "20000-20999": from an even port to an odd one, between 1024 and 65535')

/** An `http:` or `https:` URL. */
export const httpUrl = text((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? value : undefined
}, 'an http:// or https:// URL')

/** A realtime endpoint. Plaintext would show the API key to the network, so it is for loopback only. */
export const realtimeUrl = text((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || url.username !== '' || url.hash !== '') return undefined
  const plain = (url.protocol === 'ws:' || url.protocol === 'http:') && isLoopback(url.hostname)
  return plain || url.protocol === 'wss:' || url.protocol === 'https:' ? value : undefined
}, 'a wss:// or https:// URL (ws:// and http:// only to a loopback host, as the API key goes with it)')
