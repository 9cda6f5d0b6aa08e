import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiCall, endedCalls } from '../helpers/api-call.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { recognise } from '../helpers/recognise.ts'
import { ROOT } from '../helpers/root.ts'
import { tandem } from '../helpers/run.ts'
import { GREETING, NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

describe('the first call', () => {
  let node: TandemProcess
  let folder: string

  before(async function () {
    this.timeout(60_000)
    node = await TandemProcess.start()
    folder = await mkdtemp(join(tmpdir(), 'tandem-call-'))
  })

  after(async function () {
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
    await rm(folder, { recursive: true, force: true })
  })

  it('is answered by the agent, whose greeting is understood; the call is on record and was seen live', async function () {
    this.timeout(90_000)
    const tail = spawn(join(ROOT, 'tandem'), ['tail', '--json'], { env: { ...process.env, ...node.env } })
    let seen = ''
    tail.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text
    })
    await until(async () => /^tandem_event_readers\{[^}]*\} 1$/m.test(await node.metrics()), 'tail to follow')
    const wav = join(folder, 'out.wav')
    const placed = await tandem(['call', node.uri, '--record', wav, '--seconds', '8', '--json'])
    assert.equal(placed.code, 0, placed.stderr)
    const report = JSON.parse(placed.stdout)
    assert.equal(report.status, 200)
    assert.ok(report.timings.answeredMs < 2_000, `answered after ${report.timings.answeredMs} ms`)
    assert.ok(report.timings.firstAudioMs < 2_000, `first audio after ${report.timings.firstAudioMs} ms`)
    assert.equal(report.media.in.lost, 0)
    assert.ok(report.media.in.mos > 4, `MOS ${report.media.in.mos}`)

    const heard = await recognise(wav)
    const words = [...new Set(GREETING.toLowerCase().match(/[a-z]+/g))].filter((word) => heard.includes(word))
    assert.ok(words.length >= 3, `understood "${heard.join(' ')}"`)

    const [call] = await endedCalls(node, 1)
    const listed = await tandem(['calls', '--json'], node.env)
    const { calls } = JSON.parse(listed.stdout) as { calls: ApiCall[] }
    assert.equal(calls.length, 1)
    assert.equal(calls[0]?.id, call?.id)
    assert.equal(call?.transcript[0]?.text, GREETING)
    assert.ok(call?.agent?.firstAudioMs !== null)

    const log = await tandem(['call-log', call?.id ?? ''], node.env)
    assert.equal(log.code, 0, log.stderr)
    assert.match(log.stdout, /INVITE/)
    assert.match(log.stdout, /BYE/)
    assert.match(log.stdout, /Hello, this is the clinic/)

    tail.kill('SIGINT')
    await once(tail, 'close')
    const names = seen
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event)
    for (const name of ['call.incoming', 'agent.connected', 'call.answered', 'call.ended'])
      assert.ok(names.includes(name), name)
  })

  it('may say something and press keys: the agent hears both', async function () {
    this.timeout(90_000)
    const options = [
      ['--say', 'I would like an appointment for tomorrow.', '--seconds', '8'],
      ['--digits', '5#', '--seconds', '5'],
    ]
    for (const each of options) assert.equal((await tandem(['call', node.uri, ...each])).code, 0)
    const [pressed, said] = await endedCalls(node, 3)
    assert.match(said?.transcript.find(({ who }) => who === 'caller')?.text ?? '', /^\(speech, \d/)
    assert.match(pressed?.transcript.find(({ who }) => who === 'agent')?.text ?? '', /^You pressed five/)
  })

  it('is not placed with two things to say at a time, or with keys that are none', async function () {
    this.timeout(20_000)
    assert.equal((await tandem(['call', node.uri, '--say', 'x', '--play', 'y.wav'])).code, 2)
    assert.equal((await tandem(['call', node.uri, '--digits', '5x'])).code, 2)
  })

  it('hears 100 within 200 ms of each INVITE and the answer within 2 s, call after call', async () => {
    for (let i = 0; i < 10; i++) {
      const caller = await RawCaller.open(node.address)
      try {
        const { status, firstMs, finalMs } = await caller.call(NUMBER)
        assert.equal(status, 200)
        assert.ok(firstMs < 200, `the first response came after ${firstMs} ms`)
        assert.ok(finalMs < 2_000, `the answer came after ${finalMs} ms`)
        assert.equal(await caller.hangUp(), 200)
      } finally {
        await caller.close()
      }
    }
  })
})
