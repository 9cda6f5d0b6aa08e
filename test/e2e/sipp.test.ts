import assert from 'node:assert/strict'
import { type ApiCall, endedCalls } from '../helpers/api-call.ts'
import { type SippOptions, sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

interface Story {
  readonly why: string
  readonly scenario: string
  readonly options?: Partial<SippOptions>
  /** What the record says: by, sip, cause. */
  readonly end: readonly [string, number | null, string]
  readonly also?: (call: ApiCall) => void
}

const STORIES: readonly Story[] = [
  {
    why: 'answers a caller who listens and hangs up, and has his audio back',
    scenario: 'uac-answers',
    options: { pauseMs: 3_000, rtpEcho: true },
    end: ['caller', null, 'normal'],
    also: ({ media, transcript }) => {
      assert.ok(media !== null && media.in.packets > 100, `${media?.in.packets} packets came back`)
      assert.equal(media.codec, 'PCMU')
      // The echo of the greeting is a caller's speech, whose start, padded by 300 ms, may lie before the agent's.
      assert.ok(
        transcript.some(({ who }) => who === 'agent'),
        JSON.stringify(transcript),
      )
    },
  },
  {
    why: 'answers over TCP',
    scenario: 'uac-answers',
    options: { tcp: true },
    end: ['caller', null, 'normal'],
  },
  { why: 'ends a call that is cancelled while it rings', scenario: 'uac-cancels', end: ['caller', 487, 'cancelled'] },
  { why: 'ends a call that is hung up at once', scenario: 'uac-hangs-up-early', end: ['caller', null, 'normal'] },
  {
    why: 'holds and retrieves a call by re-INVITE',
    scenario: 'uac-reinvites-hold',
    end: ['caller', null, 'normal'],
  },
  {
    why: 'makes the offer where the INVITE has none',
    scenario: 'uac-offerless',
    end: ['caller', null, 'normal'],
    also: ({ media }) => assert.equal(media?.codec, 'PCMU'),
  },
  { why: 'refuses a caller with no common codec', scenario: 'uac-wrong-codec', end: ['system', 488, 'rejected'] },
  { why: 'refuses a caller without audio', scenario: 'uac-without-audio', end: ['system', 488, 'rejected'] },
  { why: 'refuses an SDP that is none', scenario: 'uac-malformed-sdp', end: ['system', 400, 'rejected'] },
  {
    why: 'refuses a number that nobody has',
    scenario: 'uac-unknown-number',
    options: { number: '+12025550155' },
    end: ['system', 404, 'rejected'],
  },
]

describe('SIPp callers', () => {
  let node: TandemProcess

  before(async function () {
    this.timeout(60_000)
    node = await TandemProcess.start()
  })

  after(async function () {
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
  })

  const place = (scenario: string, options: Partial<SippOptions> = {}) =>
    sipp({ scenario, target: `${node.address}:5060`, number: NUMBER, ...options })

  for (const { why, scenario, options, end, also } of STORIES) {
    it(why, async function () {
      this.timeout(60_000)
      const before = (await endedCalls(node)).length
      const result = await place(scenario, options)
      assert.equal(result.code, 0, result.errors)
      assert.equal(result.retransmissions, 0)
      const calls = await endedCalls(node, before + 1)
      assert.equal(calls.length, before + 1)
      const call = calls[0]
      assert.ok(call !== undefined)
      assert.deepEqual([call.end?.by, call.end?.sip, call.end?.cause], end)
      also?.(call)
    })
  }

  it('answers OPTIONS while it would serve a call', async () => {
    const result = await place('uac-options')
    assert.equal(result.code, 0, result.errors)
  })

  it('refuses a datagram shorter than its Content-Length', async () => {
    const result = await place('uac-wrong-content-length')
    assert.equal(result.code, 0, result.errors)
  })

  it('hears DTMF and what the caller says', async function () {
    this.timeout(60_000)
    const pressed = await place('uac-sends-dtmf')
    assert.equal(pressed.code, 0, pressed.errors)
    const spoken = await place('uac-speaks')
    assert.equal(spoken.code, 0, spoken.errors)
    const [speech, dtmf] = await endedCalls(node)
    assert.ok(speech !== undefined && dtmf !== undefined)
    assert.match(JSON.stringify(dtmf.transcript), /five|5/i)
    assert.ok(speech.transcript.some(({ who }) => who === 'caller'))
  })

  it('repeats the 200 for an ACK that never comes, then hangs up', async function () {
    this.timeout(90_000)
    const result = await place('uac-never-acks', { timeoutMs: 60_000 })
    assert.equal(result.code, 0, result.errors)
    const [call] = await endedCalls(node)
    assert.deepEqual([call?.end?.by, call?.end?.cause], ['system', 'trunk-fault'])
  })

  it('gives every RTP port back', async () => {
    const metrics = await node.metrics()
    assert.match(metrics, /^tandem_media_legs\{[^}]*\} 0$/m)
    assert.match(metrics, /^tandem_active_calls\{[^}]*\} 0$/m)
  })
})
