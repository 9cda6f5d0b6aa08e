import { X509Certificate } from 'node:crypto'
import type { TlsMaterial } from '../sip/server.ts'

/** Until when a certificate of a tls socket is good. */
export interface CertificateEnd {
  /** The key of the config that names it: `sip.tls`, `sip.tls.hosts[0]`. */
  readonly name: string
  readonly endsAtMs: number
}

/** The certificates that are shown, each by its place in the config. They have been read before: none is unreadable. */
export function certificateEnds({ cert, hosts }: Pick<TlsMaterial, 'cert' | 'hosts'>): readonly CertificateEnd[] {
  const named = [
    { name: 'sip.tls', cert },
    ...hosts.map((host, i) => ({ name: `sip.tls.hosts[${i}]`, cert: host.cert })),
  ]
  return named.map((one) => ({ name: one.name, endsAtMs: Date.parse(new X509Certificate(one.cert).validTo) }))
}
