import { splitList } from '../sip/list-values.ts'
import { parseNameAddr } from '../sip/name-addr.ts'
import { isSipUri, parseUri } from '../sip/uri.ts'

/** Whether a host is an address of this machine alone. Names are not: who knows where they lead. */
export const isLoopback = (host: string): boolean =>
  /^127(?:\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3}$/.test(host) || host === '[::1]' || host === '::1'

/** The host of a SIP URI where it is on this machine; undefined where it is elsewhere, or no SIP URI. */
export function loopbackHost(text: string): string | undefined {
  const uri = parseUri(text)
  return uri !== undefined && isSipUri(uri) && isLoopback(uri.host) ? uri.host : undefined
}

/** The hosts on this machine that a Contact header names. */
export const loopbackHosts = (contact: string): readonly string[] =>
  splitList(contact).flatMap((value) => loopbackHost(parseNameAddr(value)?.uri ?? '') ?? [])
