import * as z from 'zod'
import { agents } from './agents.ts'
import { backends } from './backends.ts'
import { dns, identity } from './dns.ts'
import { http } from './http.ts'
import { media } from './media.ts'
import { fleet, log, node } from './node.ts'
import { sip } from './sip.ts'
import { store } from './store.ts'
import { groups, tenant } from './tenants.ts'
import { trunk } from './trunks.ts'
import { section } from './units.ts'
import { optional, words } from './values.ts'

/**
 * A whole config file: every key, its default and what it is for. What a file may say is `z.input` of this; what it
 * means, with defaults that depend on other keys filled in, is `Config` in resolve.ts.
 */
export const configSchema = section({
  $schema: z.string().max(512).optional().describe('Where an editor finds the JSON Schema of this file; not read.'),
  node: node.prefault({}).describe('This node.'),
  fleet: fleet.prefault({}).describe('How nodes watch each other.'),
  log: log.prefault({}).describe('The log.'),
  sip: sip.prefault({}).describe('The SIP server.'),
  media: media.prefault({}).describe('RTP and codecs.'),
  store: store.prefault({}).describe('Where records and the shared state live.'),
  http: http.prefault({}).describe('API, console, metrics.'),
  identity: identity.prefault({}).describe('STIR verification of incoming calls.'),
  agents: agents.prefault({}).describe('Who answers calls, by name.'),
  backends: backends.prefault({}).describe('How the servers of agents are judged.'),
  trunks: z.array(trunk).max(1_024).prefault([]).describe('Interconnects with carriers.'),
  groups: groups.prefault({}).describe('Sets of trunks that can stand in for each other, by name.'),
  tenants: z.array(tenant).max(10_000).prefault([]).describe('Whose numbers are answered by whom.'),
  router: optional(words('a file')).describe(
    'TypeScript or JavaScript module with the router (docs/programming.md); relative to where the node is started.',
  ),
  dns,
})

/** A config file's content as the schema has read it: checked and in our units, but each key by itself. */
export type ParsedConfig = z.output<typeof configSchema>
