import assert from 'node:assert/strict'
import { endedCalls } from '../helpers/api-call.ts'
import { realFreeSwitch } from '../helpers/freeswitch.ts'
import { FreeSwitchProcess } from '../helpers/freeswitch-process.ts'
import { sipp } from '../helpers/sipp.ts'
import { framesOf } from '../helpers/stereo-wav.ts'
import { KEY, NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

const drachtio = process.env.TANDEM_TEST_DRACHTIO ?? ''
const given = realFreeSwitch()
const binary = process.env.TANDEM_TEST_FREESWITCH_BIN ?? ''
const hasFreeSwitch = given !== null || binary !== ''

/** Each pair of engines that there is here; the embedded pair alone is what every other test runs on. */
const PAIRS: readonly (readonly [sip: string, media: string])[] = [
  ...(drachtio !== '' || hasFreeSwitch ? [['embedded', 'embedded'] as const] : []),
  ...(drachtio === '' ? [] : [['drachtio', 'embedded'] as const]),
  ...(hasFreeSwitch ? [['embedded', 'freeswitch'] as const] : []),
  ...(drachtio !== '' && hasFreeSwitch ? [['drachtio', 'freeswitch'] as const] : []),
]

/** Runs where `TANDEM_TEST_DRACHTIO`, `TANDEM_TEST_FREESWITCH` or `TANDEM_TEST_FREESWITCH_BIN` name real servers. */
describe('the main job on real engines', function () {
  this.timeout(90_000)
  let freeswitch: FreeSwitchProcess | null = null

  before(async () => {
    if (given === null && binary !== '') freeswitch = await FreeSwitchProcess.start(binary)
  })

  after(() => freeswitch?.stop())

  for (const [sip, media] of PAIRS) {
    it(`a caller's words reach the agent, and its words the caller: SIP ${sip}, media ${media}`, async () => {
      const engine = given?.url ?? (freeswitch === null ? 'embedded' : FreeSwitchProcess.url(freeswitch))
      const tenant = { id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake', recording: { enabled: true } }
      const node = await TandemProcess.start({
        config: {
          ...(sip === 'drachtio' && { sip: { engine: drachtio } }),
          media: { engine: media === 'freeswitch' ? engine : 'embedded' },
          tenants: [tenant],
        },
      })
      try {
        await node.said(/"sip":\["udp\//)
        const [, target = ''] = /"sip":\["udp\/([^"]+)"/.exec(node.output) ?? []
        const { code, errors, retransmissions } = await sipp({ scenario: 'uac-speaks', target, number: NUMBER })
        assert.equal(code, 0, errors)
        assert.equal(retransmissions, 0)
        const [call] = await endedCalls(node, 1)
        assert.ok(call !== undefined)
        assert.deepEqual([call.end?.by, call.end?.cause], ['caller', 'normal'])
        const who = call.transcript.map((turn) => turn.who)
        assert.ok(who.includes('caller') && who.filter((one) => one === 'agent').length >= 2, who.join())
        assert.equal(call.media?.in.lost, 0)
        assert.ok(call.media.out.packets > 500, `${call.media.out.packets} packets to the caller`)
        const headers = { authorization: `Bearer ${KEY}` }
        const answer = await fetch(`${node.url}/api/v1/calls/${call.id}/recording`, { headers })
        const { left, right } = framesOf(Buffer.from(await answer.arrayBuffer()))
        for (const side of [left, right]) assert.ok(side.filter(Boolean).length > 50)
      } finally {
        assert.equal(await node.stop(), 0)
      }
    })
  }
})
