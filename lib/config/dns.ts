import * as z from 'zod'
import { duration, section } from './units.ts'
import { dnsListenAddress, domainName, optional, words } from './values.ts'

const answering = section({
  listen: dnsListenAddress.describe(
    'Socket of the DNS server: udp:ADDRESS:PORT, where TCP is served on the same port; or tcp:ADDRESS:PORT alone.',
  ),
  zone: domainName.describe('Domain whose SRV records list the healthy nodes; see docs/dns.md.'),
})

/** `dns`: SRV answers by node health. */
export const dns = optional(answering).describe('A small DNS server that answers SRV by node health; off when absent.')

/** `identity`: STIR verification of calls that come in (RFC 8224). */
export const identity = section({
  maxAge: duration('60s', "Greatest distance of a PASSporT's iat from now."),
  roots: z
    .array(words('a PEM file'))
    .max(64)
    .default([])
    .describe('PEM files of the roots that certificates must chain to.'),
})
