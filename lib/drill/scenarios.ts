import { AT_ONCE_MS, CLOCKS, type Clock, common, type DrillPace, GOOD_MOS, seconds } from './clock.ts'
import { nodeKill, storeOutage } from './fleet-scenarios.ts'
import type { DrillPromises, DrillRun, DrillScenario } from './scenario.ts'

const NO_REPLY_MS = 2_000
/** What setting a call up may take beside waiting for a dead trunk. */
const SETUP_MS = 500
/** Three probes at the slowest, three canary calls one after the other, and what a flap before has added to the hold-down. */
const recoveryMs = ({ probeIntervalMs, holdDownMs }: Clock): number => 2 * holdDownMs + 4 * probeIntervalMs + 6_000

/** The agent is back at the caller's. */
const AGENT_BACK_MS = 1_500
/** What four calls of five lose at least where chance loses 5 % of their packets. */
const LEAST_LOSS_PERCENT = 4
/** A call tells of its audio only after five seconds of packets. */
const TELLING_MS = 5_500

/** Every scenario that can be run, in the order of a full drill. */
export function drillScenarios(pace: DrillPace): readonly DrillScenario[] {
  const clock = CLOCKS[pace]
  return [
    outage(clock),
    rejectStorm(clock),
    blackhole(clock),
    flap(clock),
    aiDrop(clock),
    mediaLoss(clock),
    nodeKill(clock),
    storeOutage(clock),
  ]
}

const silence = (clock: Clock): Omit<DrillPromises, 'recoveredWithinMs'> => ({
  // The third silent attempt of a node, at five calls a second each, is over 0.4 s after the first one.
  detectedWithinMs: NO_REPLY_MS + 1_000 + clock.marginMs,
  shiftedWithinMs: NO_REPLY_MS + SETUP_MS + clock.marginMs,
  setupWithinMs: NO_REPLY_MS + SETUP_MS + clock.marginMs,
  gapWithinMs: null,
  faultsToFall: 3,
  returnsWhileBroken: 0,
  takenBackWithinMs: AT_ONCE_MS + clock.marginMs,
  mosAfterAtLeast: GOOD_MOS,
})

function outage(clock: Clock): DrillScenario {
  const run = {
    ...common(clock),
    faultMs: clock.silenceMs,
    promises: { ...silence(clock), recoveredWithinMs: recoveryMs(clock) },
  }
  return {
    name: 'outage',
    description:
      'a trunk goes silent: its uplink is cut; in further runs its process is stopped for a while, and killed',
    notPromised: 'calls that were up on the dead trunk lose their audio',
    runs: [
      { ...run, name: 'silent', what: 'neither SIP nor RTP comes or goes', fault: { kind: 'silent' } },
      {
        ...run,
        name: 'frozen',
        what: 'its process is stopped (SIGSTOP), with INVITEs in its queue when it goes on',
        fault: { kind: 'frozen' },
      },
      { ...run, name: 'killed', what: 'its process is killed', fault: { kind: 'killed' } },
    ],
  }
}

function rejectStorm(clock: Clock): DrillScenario {
  const { marginMs } = clock
  const run: DrillRun = {
    ...common(clock),
    name: 'reject',
    what: 'every INVITE gets 503, OPTIONS still 200',
    fault: { kind: 'reject', status: 503, retryAfterS: null },
    load: { ...common(clock).load, inboundFromBroken: true },
    faultMs: clock.holdDownMs,
    promises: {
      // Five attempts of a node, at five calls a second each.
      detectedWithinMs: 2_500 + marginMs,
      shiftedWithinMs: 1_000 + marginMs,
      setupWithinMs: 1_000 + marginMs,
      gapWithinMs: null,
      faultsToFall: 5,
      returnsWhileBroken: 0,
      recoveredWithinMs: recoveryMs(clock),
      takenBackWithinMs: AT_ONCE_MS + clock.marginMs,
      mosAfterAtLeast: GOOD_MOS,
    },
  }
  return {
    name: 'reject-storm',
    description: 'a trunk answers every INVITE with 503, and OPTIONS with 200',
    notPromised: 'nothing: calls that are up go on',
    runs: [run],
  }
}

function blackhole(clock: Clock): DrillScenario {
  const { noProgressMs, marginMs } = clock
  const run: DrillRun = {
    ...common(clock),
    name: 'blackhole',
    what: 'an INVITE gets 100 and nothing more, OPTIONS still 200',
    fault: { kind: 'blackhole' },
    load: { ...common(clock).load, callsPerSecond: 4, inboundFromBroken: true },
    faultMs: noProgressMs + 3_000,
    promises: {
      // Five attempts of a node, at two calls a second each.
      detectedWithinMs: noProgressMs + 3_500 + marginMs,
      shiftedWithinMs: noProgressMs + SETUP_MS + marginMs,
      setupWithinMs: noProgressMs + SETUP_MS + marginMs,
      gapWithinMs: null,
      faultsToFall: 5,
      returnsWhileBroken: 0,
      recoveredWithinMs: recoveryMs(clock),
      takenBackWithinMs: AT_ONCE_MS + clock.marginMs,
      mosAfterAtLeast: GOOD_MOS,
    },
  }
  return {
    name: 'blackhole',
    description: 'a trunk says 100 to every INVITE and nothing more, and answers OPTIONS with 200',
    notPromised: `callees of calls placed in the first ${seconds(noProgressMs)} are rung that much later (noProgress)`,
    runs: [run],
  }
}

function flap(clock: Clock): DrillScenario {
  const run: DrillRun = {
    ...common(clock),
    name: 'flap',
    what: 'silent for 4 s and well for 1.5 s, in turn',
    // Only calls of its first two seconds see a silence of four: the others are answered when it is over.
    fault: { kind: 'flap', upMs: 1_500, downMs: 4_000 },
    faultMs: clock.flapMs,
    promises: {
      ...silence(clock),
      detectedWithinMs: 9_000,
      shiftedWithinMs: 9_000,
      returnsWhileBroken: 1,
      recoveredWithinMs: null,
    },
  }
  return {
    name: 'flap',
    description: 'a trunk goes silent and comes back, again and again',
    notPromised: 'calls that were up on the trunk lose their audio while it is silent',
    runs: [run],
  }
}

function mediaLoss(clock: Clock): DrillScenario {
  const { load, settings, shortened } = common(clock)
  const run = {
    ...common(clock),
    // Of 275 packets chance loses fewer than 5 % as often as more, and the trunk would fall by luck.
    settings: { ...settings, media: { lossPercent: LEAST_LOSS_PERCENT } },
    shortened: [...shortened, `media.lossPercent 5 to ${LEAST_LOSS_PERCENT}`],
    load: { ...load, callsPerSecond: 4, callMs: TELLING_MS, inboundFromBroken: true },
    faultMs: clock.mediaFaultMs,
    promises: {
      // Three calls of a node, at two a second each, have to last and to end.
      detectedWithinMs: 9_000 + clock.marginMs,
      shiftedWithinMs: 10_000 + clock.marginMs,
      setupWithinMs: 1_000 + clock.marginMs,
      gapWithinMs: null,
      faultsToFall: null,
      returnsWhileBroken: 0,
      // Calls clear it, and a trunk on standby has none: ten minutes.
      recoveredWithinMs: null,
      takenBackWithinMs: AT_ONCE_MS + clock.marginMs,
      mosAfterAtLeast: GOOD_MOS,
    },
  }
  return {
    name: 'media-loss',
    description: 'a trunk answers calls and sends no RTP, and in a second run loses 5 % of it',
    notPromised: 'calls on the trunk until three of them have ended badly have the audio that it gives them',
    runs: [
      { ...run, name: 'mute', what: 'calls are answered, and no RTP comes', fault: { kind: 'mute' } },
      { ...run, name: 'loss', what: '5 % of its RTP is lost', fault: { kind: 'loss', percent: 5 } },
    ],
  }
}

function aiDrop(clock: Clock): DrillScenario {
  const { marginMs } = clock
  const { load } = common(clock)
  const run = {
    ...common(clock),
    // Long enough that some twenty calls are up when it breaks.
    load: { ...load, callsPerSecond: 4, callMs: TELLING_MS, callMsBefore: TELLING_MS, inboundFromBroken: true },
    // The first ones have to be over, to be compared with.
    beforeMs: TELLING_MS + 1_500,
    faultMs: clock.silenceMs,
    promises: {
      detectedWithinMs: SETUP_MS + marginMs,
      shiftedWithinMs: AGENT_BACK_MS + marginMs,
      gapWithinMs: AGENT_BACK_MS + marginMs,
      setupWithinMs: 1_000 + marginMs,
      faultsToFall: null,
      returnsWhileBroken: 0,
      recoveredWithinMs: null,
      takenBackWithinMs: AT_ONCE_MS + marginMs,
      mosAfterAtLeast: GOOD_MOS,
    },
  }
  return {
    name: 'ai-drop',
    description: "the agents' server drops every conversation at once, and in a second run takes none for a while",
    notPromised: 'a word of the agent that was not yet sent to the caller is said anew, in other words perhaps',
    runs: [
      { ...run, name: 'cut', what: 'every socket is cut, and new ones are taken', fault: { kind: 'agents-cut' } },
      {
        ...run,
        name: 'away',
        what: 'every socket is cut, and new ones are refused: the fallback goes on',
        fault: { kind: 'agents-away' },
      },
    ],
  }
}
