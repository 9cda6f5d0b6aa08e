import { describePortHolder } from './port-holder.ts'
import type { ListenAddress, TransportError, TransportErrorCode } from './transport.ts'

const CODES: Readonly<Record<string, TransportErrorCode>> = {
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-not-available',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
  EMSGSIZE: 'too-large',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
}

/** What OpenSSL and Node.js call a certificate that does not hold. */
const UNTRUSTED = /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_(?:CA|PURPOSE))/

function codeOf(code: string | undefined): TransportErrorCode {
  if (code === undefined) return 'failed'
  return CODES[code] ?? (UNTRUSTED.test(code) ? 'untrusted' : 'failed')
}

/** The system's code of an error of Node's, such as `ECONNREFUSED`; undefined for other errors. */
function systemCode(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
}

/** An error of a socket in our terms. `doing` says what was tried, with the address. */
export function toTransportError(cause: unknown, doing: string): TransportError {
  const code = systemCode(cause)
  const reason = cause instanceof Error ? cause.message : String(cause)
  return { code: codeOf(code), message: `${doing}: ${reason}`, cause }
}

/** Why an address could not be listened at; where another process holds the port, which one. */
export function toListenError(cause: unknown, address: ListenAddress): TransportError {
  const { protocol, host, port } = address
  const where = formatListenAddress(address)
  if (systemCode(cause) !== 'EADDRINUSE') return toTransportError(cause, `cannot listen at ${where}`)
  const holder = describePortHolder(protocol === 'udp' ? 'udp' : 'tcp', host, port)
  const by = holder === undefined ? '' : ` by ${holder}`
  return { code: 'address-in-use', message: `cannot listen at ${where}: the port is in use${by}`, cause }
}

/** `udp:127.0.0.1:5060`, `tcp:[::1]:5060`: as in the configuration. */
function formatListenAddress({ protocol, host, port }: ListenAddress): string {
  return `${protocol}:${host.includes(':') ? `[${host}]` : host}:${port}`
}
