import assert from 'node:assert/strict'
import { Carrier, type CarrierOptions } from '../../helpers/carrier.ts'
import { loopbackAddress } from '../../helpers/loopback.ts'
import { sipp } from '../../helpers/sipp.ts'
import { eventually } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

type CarrierScript = Omit<CarrierOptions, 'address'>

interface Story {
  readonly why: string
  readonly caller: string
  readonly first: CarrierScript
  /** Absent: nobody is called there. */
  readonly second?: CarrierScript
  /** `TRUNK STATUS` of each attempt. */
  readonly attempts: readonly string[]
  readonly end: readonly [by: string, sip: number | null, cause: string]
}

const STORIES: readonly Story[] = [
  {
    why: '503 of the first carrier reaches the second one, and the call is up',
    caller: 'uac-answers',
    first: { scenario: 'uas-refuses' },
    second: { scenario: 'uas-answers-and-waits' },
    attempts: ['alpha 503', 'beta 200'],
    end: ['caller', null, 'normal'],
  },
  {
    why: 'who gives up while it is hunted has the INVITE cancelled that is out',
    caller: 'uac-cancels-at-once',
    first: { scenario: 'uas-trying-only' },
    attempts: ['alpha null'],
    end: ['caller', 487, 'cancelled'],
  },
  {
    why: 'who gives up while it rings at the second carrier has it stop ringing',
    caller: 'uac-cancels',
    first: { scenario: 'uas-refuses' },
    second: { scenario: 'uas-rings' },
    attempts: ['alpha 503', 'beta null'],
    end: ['caller', 487, 'cancelled'],
  },
  {
    why: 'an answer that crosses the CANCEL gets its ACK and a BYE',
    caller: 'uac-cancels-at-once',
    first: { scenario: 'uas-answers-late' },
    attempts: ['alpha null'],
    end: ['caller', 487, 'cancelled'],
  },
  {
    why: 'both may offer anew in the same moment: each gets its answer, and nobody a 491',
    caller: 'uac-reinvites-hold',
    first: { scenario: 'uas-reinvites-hold' },
    attempts: ['alpha 200'],
    end: ['caller', null, 'normal'],
  },
]

const CONFIG = (alpha: string, beta: string): string => `
agents: { keypad: { backend: local, instructions: none } }
trunks:
  - { id: carrier, sources: [127.0.0.1] }
  - { id: alpha, sources: ["${alpha}"], targets: [{ uri: "sip:${alpha}:5080" }] }
  - { id: beta, sources: ["${beta}"], targets: [{ uri: "sip:${beta}:5080" }] }
groups:
  main: { trunks: [carrier] }
  out: { trunks: [alpha, beta] }
tenants: [{ id: clinic, group: main, numbers: ["${NUMBER}"], agent: keypad }]
`

/** Puts everybody through to the same person. */
class OneWayRouter extends ScriptedRouter {
  override ask(): ReturnType<ScriptedRouter['ask']> {
    return Promise.resolve({ ok: true, value: { dial: [{ number: '+12025550123', group: 'out' }] } })
  }
}

describe('callers of SIPp who are put through over carriers of SIPp', function () {
  this.timeout(60_000)
  let centre: CallCentre
  let ports: number
  /** Addresses of each story's own: what is repeated at a carrier of one story does not come in the next. */
  let hosts: readonly [alpha: string, beta: string]

  beforeEach(async () => {
    hosts = [loopbackAddress(), loopbackAddress()]
    centre = await callCentre({ router: new OneWayRouter(), config: CONFIG(...hosts), locator: AS_WRITTEN })
    ports = centre.freePorts()
  })

  afterEach(async () => {
    await eventually('all ports given back', () => (centre.freePorts() === ports ? true : undefined))
    await centre.close()
  })

  for (const { why, caller, first, second, attempts, end } of STORIES) {
    it(why, async () => {
      const carriers = [await Carrier.start({ ...first, address: hosts[0] })]
      if (second !== undefined) carriers.push(await Carrier.start({ ...second, address: hosts[1] }))
      try {
        const placed = await sipp({ scenario: caller, target: centre.address, number: NUMBER })
        assert.equal(placed.code, 0, placed.errors)
        const { sip } = centre.rows.at(-1) ?? assert.fail('no record')
        const row = await centre.ended(sip.callId)
        assert.deepEqual([row.end?.by, row.end?.sip, row.end?.cause], end)
        assert.deepEqual(
          centre.attempts.map(({ trunk, sip: status }) => `${trunk} ${status}`),
          attempts,
        )
      } finally {
        for (const { calls, failed, errors } of await Promise.all(carriers.map((carrier) => carrier.stop())))
          assert.deepEqual([calls, failed], [1, 0], errors)
      }
    })
  }
})
