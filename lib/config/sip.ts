import * as z from 'zod'
import { parseSipEngine } from './engines.ts'
import { duration, section } from './units.ts'
import { count, listenAddress, optional, text, words } from './values.ts'

const tls = z.strictObject({
  cert: words('a PEM file').describe('PEM file with the certificate chain.'),
  key: words('a PEM file').describe('PEM file with the private key.'),
  ca: optional(words('a PEM file')).describe(
    'PEM file with the authorities that may sign the certificates of trunks; default: those that Node.js ships.',
  ),
  verifyClient: z
    .boolean()
    .default(false)
    .describe('Whether those who connect to us must show a certificate that sip.tls.ca has signed.'),
  hosts: z
    .array(
      z.strictObject({
        names: z.array(words('a host name')).min(1).max(100).describe('Host names asked for (SNI).'),
        cert: words('a PEM file').describe('PEM file with the certificate chain.'),
        key: words('a PEM file').describe('PEM file with the private key.'),
      }),
    )
    .max(100)
    .default([])
    .describe('Further certificates, for those who ask for one of their names.'),
})

/** `sip`: the SIP server and how it treats strangers (docs/behaviour.md, “What an INVITE from a carrier gets”). */
export const sip = section({
  engine: text(parseSipEngine, '"embedded" or drachtio://:SECRET@HOST:PORT')
    .prefault('embedded')
    .describe(
      'SIP server: embedded, or drachtio://:SECRET@HOST:PORT[,HOST:PORT], a drachtio-server 0.9 and those that take over from it; drachtios:// and ?ca=FILE for TLS (docs/drachtio.md).',
    ),
  listen: z
    .array(listenAddress)
    .min(1)
    .max(32)
    .prefault(['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060'])
    .describe(
      'Sockets for SIP: udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT (with sip.tls). drachtio-server has its own.',
    ),
  tls: optional(tls).describe('Certificate for tls sockets.'),
  unknown: z
    .enum(['drop', 'reject'])
    .default('drop')
    .describe('What a request of an unknown source gets: silence, or 403.'),
  workers: count(1, 64)
    .default(1)
    .describe(
      'Processes that handle calls on one SIP server, which hands them out in turn. Each has its part of node.maxCalls, limits, RTP ports and media threads.',
    ),
  ban: section({
    refusals: count(1, 10_000).default(20).describe('Refused requests within the window that ban an address.'),
    window: duration('60s', 'The window in which refusals are counted.'),
    duration: duration('10m', 'How long a banned address stays banned after its last packet.'),
  })
    .prefault({})
    .describe('Bans of addresses that are refused again and again.'),
  retryAfter: section({
    min: duration('1s', 'Least Retry-After of a 503.'),
    max: duration('5s', 'Greatest Retry-After of a 503.'),
  })
    .prefault({})
    .describe('Retry-After of a 503 that we send, spread at random so that callers do not come back together.'),
  redirectExpires: duration('30s', 'How long a 302 of ours may be believed (Expires of its Contacts).'),
})
