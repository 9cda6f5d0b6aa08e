import type Srf from 'drachtio-srf'
import type { RequestFacts } from '../../lib/route/snapshot.ts'
import { headerOf } from './sip-facts.ts'

const PROTOCOLS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const

/** What the decision wants to know of any request outside of dialogs. */
export const requestFactsOf = (req: Srf.SrfRequest): RequestFacts => ({
  method: req.method,
  source: { address: req.source_address, port: Number(req.source_port), protocol: protocolOf(req.protocol) },
  uri: req.uri,
  uriHost: hostOfUri(req.uri),
  authorization: headerOf(req, 'Authorization') ?? null,
})

const protocolOf = (text: string): RequestFacts['source']['protocol'] =>
  PROTOCOLS.find((protocol) => protocol === text.toLowerCase()) ?? 'udp'

/** Host of a SIP URI in lower case, without port and parameters. */
function hostOfUri(uri: string): string {
  const match = /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?]*)/i.exec(uri)
  return (match?.[1] ?? '').toLowerCase()
}
