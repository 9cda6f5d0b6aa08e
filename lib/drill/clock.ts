import type { DrillLoad, DrillRun } from './scenario.ts'

/** How long things take in a drill. `short` is for CI: the same faults and promises on shorter clocks. */
export type DrillPace = 'usual' | 'short'

/** All of them. */
export interface Clock {
  readonly probeIntervalMs: number
  readonly probeTimeoutMs: number
  readonly holdDownMs: number
  readonly noProgressMs: number
  readonly beforeMs: number
  /** How long the faults last that take a trunk out by silence, by coming and going, and by bad audio. */
  readonly silenceMs: number
  readonly flapMs: number
  readonly mediaFaultMs: number
  /** How long a store is away. */
  readonly storeFaultMs: number
  /** Outbound calls, where they are short. */
  readonly callsPerSecond: number
  /** How long calls last where their audio does not matter. */
  readonly callMs: number
  /** What deadlines are given beyond what is promised: CI machines are loaded. */
  readonly marginMs: number
}

/** By pace. */
export const CLOCKS: Readonly<Record<DrillPace, Clock>> = {
  usual: {
    probeIntervalMs: 2_500,
    probeTimeoutMs: 2_000,
    holdDownMs: 5_000,
    noProgressMs: 12_000,
    beforeMs: 3_000,
    silenceMs: 6_000,
    flapMs: 9_000,
    mediaFaultMs: 11_000,
    storeFaultMs: 8_000,
    callsPerSecond: 10,
    callMs: 2_000,
    marginMs: 0,
  },
  short: {
    probeIntervalMs: 1_000,
    probeTimeoutMs: 800,
    holdDownMs: 2_000,
    noProgressMs: 3_000,
    beforeMs: 2_000,
    silenceMs: 4_500,
    flapMs: 8_000,
    mediaFaultMs: 10_000,
    storeFaultMs: 4_000,
    callsPerSecond: 5,
    callMs: 1_000,
    marginMs: 1_500,
  },
}

const DEFAULT = { noProgressMs: 12_000, probeTimeoutMs: 2_000 }

/** Calls from carriers: those of a run that says nothing else. */
const LOAD: Omit<DrillLoad, 'callsPerSecond' | 'callMs' | 'callMsBefore'> = {
  inboundEveryMs: 2_000,
  inboundFromBroken: false,
}

/** What every run has in common. */
export function common(clock: Clock): Pick<DrillRun, 'beforeMs' | 'settings' | 'shortened' | 'load'> {
  const { probeIntervalMs, probeTimeoutMs, holdDownMs, noProgressMs, beforeMs } = clock
  return {
    beforeMs,
    load: { ...LOAD, callsPerSecond: clock.callsPerSecond, callMs: clock.callMs, callMsBefore: clock.callMs },
    settings: {
      probe: { interval: ms(probeIntervalMs), timeout: ms(probeTimeoutMs), holdDown: ms(holdDownMs) },
      noProgress: ms(noProgressMs),
    },
    shortened: [
      `probe.interval 5s to ${seconds(probeIntervalMs)}`,
      `probe.holdDown 30s to ${seconds(holdDownMs)}`,
      ...(probeTimeoutMs === DEFAULT.probeTimeoutMs ? [] : [`probe.timeout 2s to ${seconds(probeTimeoutMs)}`]),
      ...(noProgressMs === DEFAULT.noProgressMs ? [] : [`noProgress 12s to ${seconds(noProgressMs)}`]),
    ],
  }
}

/** CANCEL, or ACK and BYE, one round trip after the ring. */
export const AT_ONCE_MS = 1_000
/** G.711 without loss has 4.4; a loaded machine adds jitter. */
export const GOOD_MOS = 4

const ms = (value: number): string => `${value}ms`

/** A duration as a config has it. */
export const seconds = (value: number): string => `${value / 1_000}s`
