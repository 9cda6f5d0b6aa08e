import assert from 'node:assert/strict'
import { type LocalAgent, startLocalAgent } from '../../app/agent/local/local-agent.ts'
import { type ApiCall, allCalls, endedCalls } from '../helpers/api-call.ts'
import { type SippOptions, type SippResult, sipp } from '../helpers/sipp.ts'
import { framesOf } from '../helpers/stereo-wav.ts'
import { GREETING, KEY, NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

/** The agent behind this number takes a second to be ready: time enough to give up while it rings. */
const SLOW = '+12025550101'

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
  {
    why: 'ends a call that is cancelled while it rings',
    scenario: 'uac-cancels',
    options: { number: SLOW },
    end: ['caller', 487, 'cancelled'],
  },
  { why: 'ends a call that is hung up at once', scenario: 'uac-hangs-up-early', end: ['caller', null, 'normal'] },
  {
    why: 'holds and retrieves a call by re-INVITE',
    scenario: 'uac-reinvites-hold',
    end: ['caller', null, 'normal'],
  },
  {
    why: 'rings reliably where the caller requires it',
    scenario: 'uac-prack',
    options: { number: SLOW },
    end: ['caller', null, 'normal'],
  },
  {
    why: 'keeps a session that the caller refreshes by UPDATE and re-INVITE',
    scenario: 'uac-refreshes',
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

/** Scenarios that last, and a number for each, so that its call is told from the others. */
const PATIENT = {
  'uac-sends-dtmf': '+12025550102',
  'uac-speaks': '+12025550103',
  'uac-never-acks': '+12025550104',
} as const

describe('SIPp callers', () => {
  let node: TandemProcess
  let slow: LocalAgent

  before(async function () {
    this.timeout(60_000)
    slow = await startLocalAgent({ apiKey: 'key', faults: { handshakeDelayMs: 1_000 } })
    const waiting = { backend: 'custom', url: `${slow.baseUrl}/realtime`, model: 'any', apiKey: 'key' }
    const agents = { intake: { backend: 'local', greeting: GREETING }, waiting }
    const tenant = { group: 'us', agent: 'intake' }
    const tenants = [
      { ...tenant, id: 'clinic', numbers: [NUMBER, ...Object.values(PATIENT)], recording: { enabled: true } },
      { ...tenant, id: 'slow', numbers: [SLOW], agent: 'waiting' },
    ]
    node = await TandemProcess.start({ config: { agents, tenants } })
  })

  after(async function () {
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
    await slow.close()
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

  describe('who take their time, all at once', function () {
    this.timeout(90_000)
    const results = new Map<string, Promise<SippResult>>()

    before(() => {
      for (const [scenario, number] of Object.entries(PATIENT)) {
        results.set(scenario, place(scenario, { number, timeoutMs: 60_000 }))
      }
    })

    /** The call that the scenario made, once it is over. */
    async function callOf(scenario: keyof typeof PATIENT): Promise<ApiCall> {
      const result = await results.get(scenario)
      assert.equal(result?.code, 0, result?.errors)
      const isIts = (call: ApiCall): boolean => call.to === PATIENT[scenario]
      await until(async () => (await allCalls(node)).find(isIts)?.state === 'ended', 'the end of the call')
      const call = (await allCalls(node)).find(isIts)
      assert.ok(call !== undefined)
      return call
    }

    it('are heard pressing keys', async () => {
      assert.match(JSON.stringify((await callOf('uac-sends-dtmf')).transcript), /five|5/i)
    })

    it('are heard speaking', async () => {
      assert.ok((await callOf('uac-speaks')).transcript.some(({ who }) => who === 'caller'))
    })

    it('are recorded, both sides, and the audit says who has listened', async () => {
      const { id } = await callOf('uac-speaks')
      const authorization = `Bearer ${KEY}`
      const answer = await fetch(`${node.url}/api/v1/calls/${id}/recording`, { headers: { authorization } })
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'audio/wav'])
      const { left, right } = framesOf(Buffer.from(await answer.arrayBuffer()))
      assert.ok(left.length > 11 * 50, `${left.length} frames of a call of 12 s`)
      for (const side of [left, right]) assert.ok(side.filter(Boolean).length > 50, `${side.filter(Boolean).length}`)
      await until(async () => (await node.text('/api/v1/audit')).includes('"call.listen"'), 'the deed in the audit')
    })

    it('have the 200 repeated for an ACK that never comes, and are hung up on', async () => {
      const { end } = await callOf('uac-never-acks')
      assert.deepEqual([end?.by, end?.cause], ['system', 'trunk-fault'])
    })
  })

  describe('when all have hung up', () => {
    it('gives every RTP port back', async () => {
      const metrics = await node.metrics()
      assert.match(metrics, /^tandem_media_legs\{[^}]*\} 0$/m)
      assert.match(metrics, /^tandem_active_calls\{[^}]*\} 0$/m)
    })
  })
})
