import * as z from 'zod'
import { mayPass } from '../sip/header-policy.ts'
import { duration, section } from './units.ts'
import {
  callerId,
  count,
  hostName,
  optional,
  ratio,
  secret,
  sipAddress,
  sourceAddress,
  trunkIdText,
  words,
} from './values.ts'

/** Digest credentials (RFC 8760). */
export const credentials = z.strictObject({
  username: words('a user name').describe('User name of the digest.'),
  password: secret.describe('Password of the digest.'),
})

/** Limits of a trunk or tenant; null: none. */
export const limits = z.strictObject({
  channels: optional(count(1, 1_000_000)).describe('Calls at a time; no limit when absent.'),
  cps: optional(z.number('a number').gt(0, 'a number above 0').max(100_000)).describe(
    'New calls a second; no limit when absent.',
  ),
})

const target = z.strictObject({
  uri: sipAddress.describe('Where the carrier takes calls.'),
  priority: count(0, 65_535).default(10).describe('Lower is tried first, as in SRV (RFC 2782).'),
  weight: count(0, 65_535).default(50).describe('Share among targets of the same priority.'),
})

const probe = section({
  enabled: z.boolean('true or false').default(true).describe('Whether OPTIONS are sent to this trunk.'),
  interval: duration('5s', 'Send to send, per target.'),
  jitter: ratio.default(0.2).describe('Share of the interval by which probes are spread at random.'),
  timeout: duration('2s', 'How long an answer may take.'),
  fastInterval: duration('1s', 'From a timeout to the next probe.'),
  misses: count(1, 100).default(3).describe('Misses in a row that make the trunk standby.'),
  rises: count(1, 100).default(3).describe('Good probes in a row that bring it back.'),
  holdDown: duration('30s', 'How long it stays out at least; doubled at each flap.'),
  holdDownMax: duration('10m', 'Greatest hold-down.'),
  flapMemory: duration('10m', 'Stable for this long, and earlier flaps are forgotten.'),
  alive: z
    .union([
      z.enum(['default', 'any', '200', '2xx']),
      z.array(count(200, 699)).min(1),
      z.literal(200).transform(() => '200' as const),
    ])
    .default('default')
    .describe('Which answers count: default (any final answer but 408, 500, 502, 503, 504), any, 200, 2xx, or a list.'),
  retryAfterMin: duration('1s', 'Least time that a 503 with Retry-After counts as refusing.'),
  retryAfterMax: duration('60s', 'Greatest time that a 503 with Retry-After counts as refusing.'),
})

const calls = section({
  window: duration('60s', 'The sliding window of outcomes.'),
  minAttempts: count(1, 10_000).default(8).describe('Attempts in the window before their ratio counts.'),
  faultRatio: ratio.default(0.5).describe('Share of faults that fails the trunk.'),
  consecutive: count(1, 1_000).default(5).describe('Faults in a row that fail the trunk.'),
  transportFaults: count(1, 1_000)
    .default(3)
    .describe('Transport errors or silent attempts in a row that fail it at once.'),
  minNumbers: count(1, 1_000)
    .default(3)
    .describe('Distinct dialled numbers that a ratio, or noProgress, needs to count.'),
  canary: count(1, 100)
    .default(3)
    .describe('Calls, one at a time, that must succeed before a failed trunk is active again.'),
})

const media = section({
  lossPercent: z.number('a number').min(0).max(100).default(5).describe('Loss of RTP from which a call is bad.'),
  calls: count(1, 1_000).default(10).describe('Last calls that are looked at.'),
  bad: count(1, 1_000).default(3).describe('Bad ones among them that make the trunk standby.'),
  clearAfter: duration('10m', 'After this long the evidence is cleared, if clean calls have not done so.'),
})

const PASSING =
  'a header that may pass, by its long name: none that is of one leg, or that Tandem writes itself (docs/behaviour.md, “Headers”)'

/** One of `trunks`: an interconnect with a carrier (docs/behaviour.md, “Words”). */
export const trunk = section({
  id: trunkIdText.describe('Name of the trunk.'),
  profile: z
    .enum(['twilio', 'telnyx', 'bandwidth', 'sinch', 'generic'])
    .default('generic')
    .describe('What is known of the carrier; gives the defaults of follows3xx and onDegraded.'),
  sources: z
    .array(sourceAddress)
    .max(1_024)
    .prefault([])
    .describe('Addresses it sends from: IP, IP/BITS, IP:PORT, or {address, transport, host}.'),
  targets: z.array(target).max(64).prefault([]).describe('Where it takes calls.'),
  ingress: optional(sipAddress).describe('Where callers of this trunk reach us. Default: node.address.'),
  onDegraded: optional(z.enum(['redirect', 'refuse', 'accept'])).describe(
    'What its calls get while it is not active and a better leg exists. Default: redirect if it follows 302, else refuse.',
  ),
  redirectTo: optional(sipAddress).describe(
    'Standby leg told to callers. Default: the next usable trunk, then another node.',
  ),
  follows3xx: optional(z.boolean('true or false')).describe(
    'Whether the carrier follows a 302 of ours. Default: by profile.',
  ),
  allowedHosts: z.array(hostName).max(256).prefault([]).describe('Hosts that a 302 of the carrier may lead to.'),
  maxRedirects: count(0, 20).default(5).describe('How deep 302s of the carrier are followed.'),
  transport: optional(z.enum(['udp', 'tcp', 'tls'])).describe('Transport to targets that name none.'),
  srtp: optional(z.enum(['off', 'optional', 'required'])).describe('Encryption on this trunk. Default: media.srtp.'),
  credentials: optional(credentials).describe("Credentials for the carrier's 401 and 407."),
  weight: count(0, 65_535).default(1).describe('Share of calls where its group is active-active.'),
  limits: limits.prefault({}).describe('Limits of this trunk.'),
  noReply: duration('2s', 'Nothing at all comes back for this long: the next trunk is tried.'),
  noProgress: duration('12s', '100 and then nothing for this long: the next trunk is tried.'),
  huntBudget: duration('20s', 'How long trunks may be tried one after the other.'),
  ringTimeout: duration('60s', 'How long the far end may ring.'),
  identity: z
    .enum(['none', 'pai', 'ppi'])
    .default('none')
    .describe(
      'Who calls, in calls that go out on it: none (From alone), pai (P-Asserted-Identity: the carrier is trusted with numbers that are hidden), ppi (P-Preferred-Identity).',
    ),
  callerIds: optional(z.array(callerId).min(1).max(10_000)).describe(
    'Which of our numbers its carrier lets us show, in calls that go out on it: in E.164, or how they begin ("+1202555*"). Absent: any.',
  ),
  trustsIdentity: z
    .boolean('true or false')
    .default(true)
    .describe('Whether P-Asserted-Identity of calls that come in on it is believed; else From alone says who calls.'),
  passHeaders: z
    .array(words(PASSING).refine(mayPass, PASSING))
    .max(32)
    .prefault(['Identity', 'User-to-User'])
    .describe('Headers of callers that pass as they came, in calls that a router dials over it.'),
  diversion: z
    .enum(['none', 'diversion', 'history-info'])
    .default('none')
    .describe('How it is told, in such calls, which number was called: Diversion (RFC 5806), History-Info (RFC 7044).'),
  refer: z
    .boolean('true or false')
    .default(false)
    .describe(
      'Whether its far ends take REFER: a blind transfer is then theirs to make, and they leave; else, and where they do not, a leg of ours is made.',
    ),
  acceptRefer: z
    .boolean('true or false')
    .default(false)
    .describe(
      'Whether a person may hand on whom they talk to by REFER, a caller or an agent, to people that `transfers` of the agent or `referTo` of the tenant name.',
    ),
  hunt480: z.boolean('true or false').default(false).describe('Whether 480 moves on to the next trunk.'),
  probe: probe.prefault({}).describe('Health by OPTIONS.'),
  calls: calls.prefault({}).describe('Health by the outcomes of calls.'),
  media: media.prefault({}).describe('Health by the audio of calls.'),
})
