import assert from 'node:assert/strict'
import { type ApiCall, endedCalls } from '../helpers/api-call.ts'
import { realFreeSwitch } from '../helpers/freeswitch.ts'
import { sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

const real = realFreeSwitch()

/** Runs where `TANDEM_TEST_FREESWITCH` names a real server on this machine. */
describe('calls whose media is a real FreeSWITCH', () => {
  let node: TandemProcess

  before(async function () {
    if (real === null) return this.skip()
    this.timeout(60_000)
    node = await TandemProcess.start({ config: { media: { engine: real.url } } })
  })

  after(async function () {
    if (real === null) return
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
  })

  async function place(scenario: string, options: { rtpEcho?: boolean; pauseMs?: number } = {}): Promise<ApiCall> {
    const before = (await endedCalls(node)).length
    const result = await sipp({ scenario, target: `${node.address}:5060`, number: NUMBER, ...options })
    assert.equal(result.code, 0, result.errors)
    const [call] = await endedCalls(node, before + 1)
    assert.ok(call !== undefined)
    return call
  }

  it('brings the caller the agent, and the agent the caller', async function () {
    this.timeout(60_000)
    const { end, media, transcript, agent } = await place('uac-answers', { pauseMs: 6_000, rtpEcho: true })
    assert.equal(end?.cause, 'normal')
    assert.equal(media?.codec, 'PCMU')
    // What SIPp sends is the echo of what it got: FreeSWITCH has sent audio, and heard it come back.
    assert.ok(media.in.packets > 200 && media.out.packets > 200, JSON.stringify(media))
    assert.ok(
      transcript.some(({ who }) => who === 'agent'),
      JSON.stringify(transcript),
    )
    assert.ok(agent !== null && agent.firstAudioMs !== null)
  })

  it('makes the offer where the INVITE has none', async function () {
    this.timeout(60_000)
    const { end, media } = await place('uac-offerless')
    assert.equal(end?.cause, 'normal')
    assert.equal(media?.codec, 'PCMU')
  })

  it('holds and retrieves a call by re-INVITE', async function () {
    this.timeout(60_000)
    assert.equal((await place('uac-reinvites-hold')).end?.cause, 'normal')
  })

  it('refuses a caller with no common codec', async function () {
    this.timeout(60_000)
    assert.equal((await place('uac-wrong-codec')).end?.sip, 488)
  })
})
