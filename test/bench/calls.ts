import { setTimeout as delay } from 'node:timers/promises'
import type { Bench, BenchReport } from '../../app/commands/bench.ts'
import { type ApiCall, endedCalls } from '../helpers/api-call.ts'
import { nodeFigures } from '../helpers/process-tree.ts'
import { type SippResult, sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

const RATE = 10
const CONCURRENT = 50
const SECONDS = 60
const CALLS = RATE * SECONDS
/** 50 calls of a little under 5 s at 10 a second. */
const HOLD_MS = 4_800
/** Memory is compared from here on: by then every kind of code has run. */
const SETTLED_MS = 10_000
/** As many packets as this must come back of those we sent: the last ones are still on their way at the BYE. */
const AUDIO_BACK = 0.9
const MAX_GROWTH = 1.2
const MIB = 1_048_576

/** SIPp calls the agent at 10 a second, 50 at a time, for a minute, and echoes its audio. */
export const bench: Bench = {
  description: `${CONCURRENT} calls at a time with audio, ${RATE} new a second for ${SECONDS} s, to the local agent`,
  async run(note): Promise<BenchReport> {
    const node = await TandemProcess.start()
    try {
      note(`${CALLS} calls to ${node.uri}`)
      const callers = sipp({
        scenario: 'uac-answers',
        target: `${node.address}:5060`,
        number: NUMBER,
        calls: CALLS,
        rate: RATE,
        limit: CONCURRENT,
        pauseMs: HOLD_MS,
        rtpEcho: true,
        timeoutMs: (SECONDS + 60) * 1_000,
      })
      const startedAtMs = performance.now()
      await delay(SETTLED_MS)
      const settled = nodeFigures(node.pid, node.dataDir)
      const result = await callers
      const seconds = (performance.now() - startedAtMs - SETTLED_MS) / 1_000
      const end = nodeFigures(node.pid, node.dataDir)
      return report(result, await endedCalls(node, CALLS), settled, end, seconds)
    } finally {
      await node.stop()
    }
  },
}

type Figures = ReturnType<typeof nodeFigures>

function report(
  result: SippResult,
  calls: readonly ApiCall[],
  settled: Figures,
  end: Figures,
  seconds: number,
): BenchReport {
  const answered = calls.filter((call) => call.answeredAt !== null)
  const setupMs = answered.map((call) => Date.parse(call.answeredAt ?? '') - Date.parse(call.startedAt))
  const firstAudioMs = answered.flatMap((call) => call.agent?.firstAudioMs ?? [])
  const withAudio = answered.filter(
    ({ media }) => media !== null && media.out.packets > 0 && media.in.packets >= media.out.packets * AUDIO_BACK,
  )
  const growth = end.rssBytes / settled.rssBytes
  const figures = {
    calls: CALLS,
    answered: answered.length,
    failed: result.failed,
    audioBack: withAudio.length,
    callerRetransmissions: result.retransmissions,
    lostPackets: sum(answered.map((call) => call.media?.in.lost ?? 0)),
    worstJitterMs: Math.max(...answered.map((call) => call.media?.in.jitterMs ?? 0)),
    setupP50Ms: quantile(setupMs, 0.5),
    setupP99Ms: quantile(setupMs, 0.99),
    firstAudioP50Ms: quantile(firstAudioMs, 0.5),
    firstAudioP99Ms: quantile(firstAudioMs, 0.99),
    cpuCores: round((end.cpuSeconds - settled.cpuSeconds) / seconds),
    rssAfter10sMiB: round(settled.rssBytes / MIB),
    rssEndMiB: round(end.rssBytes / MIB),
    rssGrowth: round(growth),
  }
  const ok =
    result.code === 0 &&
    answered.length === CALLS &&
    withAudio.length === CALLS &&
    result.retransmissions === 0 &&
    growth <= MAX_GROWTH
  return { ok, figures }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const round = (value: number): number => Math.round(value * 100) / 100

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
