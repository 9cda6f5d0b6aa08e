import { duration, section } from './units.ts'
import { count, ratio } from './values.ts'

const probe = section({
  interval: duration('5s', 'Send to send: a connection that is closed at once, unless a session is due.'),
  sessionInterval: duration(
    '30s',
    'How often a probe opens a session, on a backend with `probe: session`. While one is in doubt every probe does.',
  ),
  jitter: ratio.default(0.2).describe('Share of the interval by which probes are spread at random.'),
  timeout: duration('2s', 'How long connection and session may take.'),
  fastInterval: duration('1s', 'From a miss to the next probe.'),
  misses: count(1, 100).default(2).describe('Misses in a row that make a backend standby.'),
  rises: count(1, 100).default(3).describe('Good probes in a row that bring it back.'),
  holdDown: duration('30s', 'How long it stays out at least; doubled at each flap.'),
  holdDownMax: duration('10m', 'Greatest hold-down.'),
  flapMemory: duration('10m', 'Stable for this long, and earlier flaps are forgotten.'),
  rateLimitMin: duration('1s', 'Least time that a backend which limits our rate is left alone.'),
  rateLimitMax: duration('60s', 'Greatest such time.'),
})

const calls = section({
  window: duration('60s', 'The sliding window of outcomes.'),
  minAttempts: count(1, 10_000).default(8).describe('Sessions in the window before their ratio counts.'),
  faultRatio: ratio.default(0.5).describe('Share of faults that fails a backend.'),
  consecutive: count(1, 1_000).default(5).describe('Faults in a row that fail it.'),
  unreachable: count(1, 1_000).default(3).describe('Sessions in a row that never came up, and fail it at once.'),
  canary: count(1, 100)
    .default(3)
    .describe('Sessions of calls, one at a time, that must go well before a failed backend is active again.'),
})

/** `backends`: how the servers of agents are judged (docs/behaviour.md, “Health of backends”). */
export const backends = section({
  probe: probe.prefault({}).describe('Health by probes.'),
  calls: calls.prefault({}).describe('Health by the sessions of calls.'),
})
