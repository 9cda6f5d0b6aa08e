import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endedCalls } from '../helpers/api-call.ts'
import { run } from '../helpers/run.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { writeTone } from '../helpers/tone.ts'

const SECONDS = 10
/** A packet's 20 ms: what a loaded machine adds to the fraction of a millisecond that an idle one shows. */
const MAX_JITTER_MS = 20

describe('baresip', () => {
  it('talks with the agent: audio both ways, nothing lost, jitter below the length of a packet', async function () {
    this.timeout(90_000)
    const node = await TandemProcess.start()
    const folder = await mkdtemp(join(tmpdir(), 'tandem-baresip-'))
    await writeTone(join(folder, 'caller.wav'), SECONDS)
    await writeFile(join(folder, 'config'), config(folder))
    await writeFile(join(folder, 'accounts'), '<sip:+12025550199@127.0.0.1;transport=udp>;regint=0;answermode=manual\n')
    const phone = await run('baresip', ['-f', folder, '-e', `/dial ${node.uri}`, '-t', String(SECONDS)], {
      timeoutMs: 30_000,
    })
    const output = phone.stdout + phone.stderr
    const [call] = await endedCalls(node, 1)
    assert.ok(call?.media, output)
    assert.ok(call.media.in.packets > SECONDS * 50 * 0.8, `${call.media.in.packets} packets from baresip`)
    assert.equal(call.media.in.lost, 0)
    assert.ok(call.media.in.jitterMs < MAX_JITTER_MS, `jitter ${call.media.in.jitterMs} ms towards us`)
    const report = statistics(output)
    assert.ok(report.received > SECONDS * 50 * 0.8, output)
    assert.equal(report.lost, 0, output)
    assert.ok(report.jitterMs < MAX_JITTER_MS, output)
    assert.equal(await node.stop(), 0)
    await rm(folder, { recursive: true, force: true })
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
