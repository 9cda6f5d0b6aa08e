import { err, ok, type Result } from '../core/result.ts'
import type { Protocol } from './targets.ts'

/** Where to listen. IPv6 addresses stand without brackets; port 0 takes a free one. */
export interface ListenSpec {
  readonly protocol: Protocol
  readonly host: string
  readonly port: number
}

/** Reads `udp:127.0.0.1:5060`, `tcp:[::1]:5060` or `tls:…`; the error says what is wrong. */
export function parseListenAddress(text: string): Result<ListenSpec, string> {
  const match = /^(udp|tcp|tls):(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const [, protocol, v6, host, digits] = match ?? []
  const port = Number(digits)
  if (match === null || port > 65_535) return err(`not udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT: ${text}`)
  return ok({ protocol: protocol === 'udp' || protocol === 'tls' ? protocol : 'tcp', host: v6 ?? host ?? '', port })
}
