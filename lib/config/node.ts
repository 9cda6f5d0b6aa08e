import * as z from 'zod'
import { duration, section } from './units.ts'
import { count, hostName, ipAddress, name, nodeIdText, optional, sipAddress, words } from './values.ts'

/** `node`: who this node is. */
export const node = section({
  id: nodeIdText.prefault('node-1').describe('Name of this node, unique in the fleet.'),
  region: name
    .default('default')
    .describe('Region of this node; nodes of the same region are preferred as standby legs.'),
  address: optional(z.union([ipAddress, hostName])).describe(
    'Address that others reach this node at: in Via, Contact and SDP. Default: the host of the first sip.listen that is not 0.0.0.0 or ::, else 127.0.0.1.',
  ),
  dataDir: words('a folder')
    .default('./data')
    .describe('Folder for the journal, the embedded Postgres, keys and recordings.'),
  peers: z
    .array(sipAddress)
    .max(256)
    .prefault([])
    .describe("Other nodes' SIP addresses, for 302; the fleet's registry adds to them."),
  maxCalls: z
    .union([z.literal('auto'), count(1, 100_000)])
    .default('auto')
    .describe('Calls at a time, after which the node is full; auto: by cores.'),
  drainTimeout: duration('30m', 'How long live calls may go on after a drain or SIGTERM.'),
})

/** `fleet`: how nodes watch each other and when one takes over the calls of another. */
export const fleet = section({
  heartbeat: duration('1s', 'How often a node says in the shared state that it lives.'),
  lease: duration('3s', 'How long a node owns a call without renewing its claim.'),
  settle: duration('6s', 'How long the shared state must have answered before anything is taken over.'),
  ownerProbes: count(1, 10)
    .default(2)
    .describe('Direct OPTIONS that an owner must miss before its calls are taken over.'),
  supersede: duration('2s', 'A leg without RTP for this long gives way to a new call of the same caller.'),
})

/** `log`: what goes to standard output. */
export const log = section({
  level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe level that is logged.'),
})
