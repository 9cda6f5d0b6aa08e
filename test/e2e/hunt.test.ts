import assert from 'node:assert/strict'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier, type CarrierOptions } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const TO = '+12025550123'
/** From the first INVITE to the answer on the standby, where the first trunk is dead. */
const PROMISED_MS = 2_500

type CarrierScript = Omit<CarrierOptions, 'address'>

interface Story {
  readonly why: string
  /** Null: nobody listens there. */
  readonly first: CarrierScript | null
  readonly tcp?: boolean
  /** `TRUNK STATUS` of each attempt. */
  readonly attempts: readonly string[]
  readonly end: readonly [by: string, sip: number | null, cause: string]
}

const refuses = (status: string): CarrierScript => ({ scenario: 'uas-refuses', status })
const SECOND = ['callee', null, 'normal'] as const

const STORIES: readonly Story[] = [
  {
    why: '486 never reaches the second',
    first: refuses('486 Busy Here'),
    attempts: ['alpha 486'],
    end: ['callee', 486, 'busy'],
  },
  {
    why: '404 never reaches the second',
    first: refuses('404 Not Found'),
    attempts: ['alpha 404'],
    end: ['callee', 404, 'rejected'],
  },
  {
    why: '603 never reaches the second',
    first: refuses('603 Decline'),
    attempts: ['alpha 603'],
    end: ['callee', 603, 'rejected'],
  },
  { why: '503 does', first: refuses('503 Service Unavailable'), attempts: ['alpha 503', 'beta 200'], end: SECOND },
  { why: '408 does', first: refuses('408 Request Timeout'), attempts: ['alpha 408', 'beta 200'], end: SECOND },
  { why: 'silence does', first: { scenario: 'uas-silent' }, attempts: ['alpha null', 'beta 200'], end: SECOND },
  { why: 'a dead address does', first: null, attempts: ['alpha null', 'beta 200'], end: SECOND },
  { why: 'a refused connection does', first: null, tcp: true, attempts: ['alpha null', 'beta 200'], end: SECOND },
  {
    why: '100 and then nothing does, after a CANCEL',
    first: { scenario: 'uas-trying-only' },
    attempts: ['alpha null', 'beta 200'],
    end: SECOND,
  },
  {
    why: 'an answer without Contact is hung up, and nobody else is rung',
    first: { scenario: 'uas-answers-without-contact' },
    attempts: ['alpha null'],
    end: ['system', null, 'trunk-fault'],
  },
  {
    why: 'an answer without SDP is hung up, and nobody else is rung',
    first: { scenario: 'uas-answers-without-sdp' },
    attempts: ['alpha null'],
    end: ['system', null, 'trunk-fault'],
  },
  {
    why: 'an answer that crosses the CANCEL is hung up',
    first: { scenario: 'uas-answers-late' },
    attempts: ['alpha null', 'beta 200'],
    end: SECOND,
  },
]

const BETA = loopbackAddress()
const ALPHA = loopbackAddress()
/** An address of its own: INVITEs to one that was silent are repeated for 32 s. */
const LIMITED = loopbackAddress()
/** Probes would be calls that SIPp does not expect. */
const probe = { enabled: false }

/** A trunk, group and tenant for each story: what one carrier did in a story shall not be held against it in the next. */
const CONFIG = {
  trunks: [
    ...STORIES.map(({ tcp = false }, i) => ({
      id: `alpha-${i}`,
      targets: [{ uri: `sip:${ALPHA}:5080${tcp ? ';transport=tcp' : ''}` }],
      noProgress: '500ms',
      probe,
    })),
    { id: 'alpha-limited', targets: [{ uri: `sip:${LIMITED}:5080` }], limits: { cps: 0.01 }, probe },
    { id: 'beta', sources: [BETA], targets: [{ uri: `sip:${BETA}:5080` }], probe },
  ],
  groups: Object.fromEntries(
    [...STORIES.keys(), 'limited'].map((name) => [`group-${name}`, { trunks: [`alpha-${name}`, 'beta'] }]),
  ),
  tenants: [...STORIES.keys(), 'limited'].map((name, i) => ({
    id: `tenant-${name}`,
    group: `group-${name}`,
    numbers: [`+120255501${String(i).padStart(2, '0')}`],
    agent: 'intake',
  })),
}

describe('calls that go out over two carriers', () => {
  let node: TandemProcess

  before(async function () {
    this.timeout(60_000)
    node = await TandemProcess.start({ config: CONFIG })
  })

  after(async function () {
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
  })

  /** The call as it stands in the record once it has ended. */
  async function place(tenant: string): Promise<ApiCall> {
    const placed = await node.post<ApiCall>('/api/v1/calls', { to: TO, tenant })
    assert.equal(placed.direction, 'outbound')
    let call: ApiCall | undefined
    await until(async () => {
      call = (await allCalls(node)).find(({ id }) => id === placed.id)
      return call?.state === 'ended'
    }, 'the call to end')
    assert.ok(call !== undefined)
    return call
  }

  for (const [i, { why, first, attempts, end }] of STORIES.entries()) {
    it(why, async function () {
      this.timeout(60_000)
      const carriers = [await Carrier.start({ scenario: 'uas-answers', address: BETA })]
      if (first !== null) carriers.push(await Carrier.start({ ...first, address: ALPHA }))
      try {
        const call = await place(`tenant-${i}`)
        assert.deepEqual(
          call.attempts.map(({ trunk, sip }) => `${trunk.replace(/-\d+$/, '')} ${sip}`),
          attempts,
        )
        assert.deepEqual([call.end?.by, call.end?.sip, call.end?.cause], end)
        if (call.answeredAt !== null) {
          const tookMs = Date.parse(call.answeredAt) - Date.parse(call.attempts[0]?.startedAt ?? '')
          assert.ok(tookMs <= PROMISED_MS, `answered after ${tookMs} ms`)
          assert.ok(call.media !== null && call.media.out.packets > 0)
        }
      } finally {
        const [second, primary] = await Promise.all(carriers.map((carrier) => carrier.stop()))
        assert.equal(second?.calls, attempts.length - 1)
        assert.equal(second?.failed, 0, second?.errors)
        if (first !== null && first.scenario !== 'uas-silent') assert.equal(primary?.failed, 0, primary?.errors)
      }
    })
  }

  it('passes over a trunk that is at its limit', async function () {
    this.timeout(60_000)
    const carriers = [
      await Carrier.start({ ...refuses('486 Busy Here'), address: LIMITED }),
      await Carrier.start({ scenario: 'uas-answers', address: BETA }),
    ]
    const tried = ({ attempts }: ApiCall): readonly string[] => attempts.map(({ trunk, sip }) => `${trunk} ${sip}`)
    try {
      assert.deepEqual(tried(await place('tenant-limited')), ['alpha-limited 486'])
      assert.deepEqual(tried(await place('tenant-limited')), ['beta 200'])
    } finally {
      const ends = await Promise.all(carriers.map((carrier) => carrier.stop()))
      assert.deepEqual(
        ends.map(({ failed }) => failed),
        [0, 0],
        ends.map(({ errors }) => errors).join('\n'),
      )
    }
    const [alpha] = (await node.api<readonly { id: string; calls: object }[]>('/api/v1/trunks')).filter(
      ({ id }) => id === 'alpha-limited',
    )
    assert.deepEqual(alpha?.calls, { attempts: 1, faults: 0 })
  })

  for (const [how, scenario] of [
    ['', 'uas-answers-and-waits'],
    [', by a carrier that rings reliably and has our PRACK', 'uas-rings-reliably'],
  ] as const) {
    it(`is hung up by an operator, and says so${how}`, async function () {
      this.timeout(60_000)
      const carrier = await Carrier.start({ scenario, address: ALPHA })
      const placed = await node.post<ApiCall>('/api/v1/calls', { to: TO, tenant: 'tenant-0', from: '+12025550177' })
      await until(async () => (await node.api<ApiCall>(`/api/v1/calls/${placed.id}`)).state === 'active', 'the answer')
      await node.api(`/api/v1/calls/${placed.id}`, { method: 'DELETE' })
      let call = placed
      await until(async () => {
        call = await node.api<ApiCall>(`/api/v1/calls/${placed.id}`)
        return call.state === 'ended'
      }, 'the call to end')
      assert.deepEqual([call.end?.by, call.end?.sip, call.end?.cause], ['operator', null, 'normal'])
      assert.deepEqual([call.from, call.to, call.trunk], ['+12025550177', TO, 'alpha-0'])
      assert.equal((await carrier.stop()).failed, 0)
      // The messages of the last moment are written a moment behind the end of the call.
      let ladder = ''
      await until(async () => {
        ladder = await node.text(`/api/v1/calls/${placed.id}/ladder`)
        return ladder.includes('BYE')
      }, 'the BYE in the ladder')
      for (const message of ['INVITE', '180 Ringing', '200 OK', 'ACK']) assert.match(ladder, new RegExp(message))
    })
  }

  it('gives every RTP port back', async () => {
    const metrics = await node.metrics()
    assert.match(metrics, /^tandem_media_legs\{[^}]*\} 0$/m)
    assert.match(metrics, /^tandem_active_calls\{[^}]*\} 0$/m)
  })
})
