import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { run } from '../helpers/run.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { writeTone } from '../helpers/tone.ts'
import { until } from '../helpers/until.ts'

const SECONDS = 10
const ENCRYPTED_SECONDS = 4
/** A packet's 20 ms: what a loaded machine adds to the fraction of a millisecond that an idle one shows. */
const MAX_JITTER_MS = 20

describe('baresip', function () {
  this.timeout(90_000)
  let node: TandemProcess
  let folder: string

  before(async () => {
    node = await TandemProcess.start()
    folder = await mkdtemp(join(tmpdir(), 'tandem-baresip-'))
    await writeTone(join(folder, 'caller.wav'), SECONDS)
    await writeFile(join(folder, 'config'), config(folder))
  })

  after(async () => {
    assert.equal(await node.stop(), 0)
    await rm(folder, { recursive: true, force: true })
  })

  /** A call of a phone with these settings of its account: what the node has on record of it, and what baresip says of it. */
  async function call(from: string, seconds: number, settings = ''): Promise<{ call: ApiCall; output: string }> {
    await writeFile(
      join(folder, 'accounts'),
      `<sip:${from}@127.0.0.1;transport=udp>;regint=0;answermode=manual${settings}\n`,
    )
    const phone = await run('baresip', ['-f', folder, '-e', `/dial ${node.uri}`, '-t', String(seconds)], {
      timeoutMs: 30_000,
    })
    const output = phone.stdout + phone.stderr
    let ended: ApiCall | undefined
    await until(async () => {
      ended = (await allCalls(node)).find((each) => each.from === from && each.state === 'ended')
      return ended !== undefined
    }, `the record of a call; baresip says: ${output}`)
    assert.ok(ended !== undefined)
    return { call: ended, output }
  }

  it('talks with the agent: audio both ways, nothing lost, jitter below the length of a packet', async () => {
    const { call: ended, output } = await call('+12025550199', SECONDS)
    assert.ok(ended.media, output)
    assert.equal(ended.media.srtp, false)
    assert.ok(ended.media.in.packets > SECONDS * 50 * 0.8, `${ended.media.in.packets} packets from baresip`)
    assert.equal(ended.media.in.lost, 0)
    assert.ok(ended.media.in.jitterMs < MAX_JITTER_MS, `jitter ${ended.media.in.jitterMs} ms towards us`)
    const report = statistics(output)
    assert.ok(report.received > SECONDS * 50 * 0.8, output)
    assert.equal(report.lost, 0, output)
    assert.ok(report.jitterMs < MAX_JITTER_MS, output)
  })

  it('talks with the agent encrypted, by libsrtp, and nothing that either side sends is lost to the other', async () => {
    const { call: ended, output } = await call('+12025550198', ENCRYPTED_SECONDS, ';mediaenc=srtp-mand')
    assert.ok(ended.media, output)
    assert.equal(ended.media.srtp, true)
    assert.ok(ended.media.in.packets > ENCRYPTED_SECONDS * 50 * 0.8, `${ended.media.in.packets} packets from baresip`)
    const report = statistics(output)
    assert.ok(report.received > ENCRYPTED_SECONDS * 50 * 0.8, output)
    assert.equal(report.lost, 0, output)
    assert.doesNotMatch(output, /srtp:.*(?:fail|error)/i)
  })
})

const config = (folder: string): string => `
poll_method epoll
sip_listen 127.0.0.1:0
audio_source aufile,${join(folder, 'caller.wav')}
audio_player aufile,${join(folder, 'heard.wav')}
audio_alert aufile,${join(folder, 'alert.wav')}
rtp_stats yes
rtp_ports 27000-27100
module_path /usr/lib/baresip/modules
module g711.so
module srtp.so
module aufile.so
module account.so
module menu.so
`

/** What baresip itself says of the stream that it received. */
function statistics(output: string): { received: number; lost: number; jitterMs: number } {
  const numbers = (label: RegExp): number[] => (label.exec(output)?.[1] ?? '').trim().split(/\s+/).map(Number)
  return {
    received: numbers(/packets:\s+([\d ]+)/)[1] ?? 0,
    lost: numbers(/lost:\s+([-\d ]+)/)[1] ?? Number.NaN,
    jitterMs: Number.parseFloat(/jitter:\s+[\d.]+\s+([\d.]+)/.exec(output)?.[1] ?? 'NaN'),
  }
}
