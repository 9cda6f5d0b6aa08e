import assert from 'node:assert/strict'
import { type ApiCall, allCalls, endedCalls } from '../helpers/api-call.ts'
import { FreeSwitchProcess } from '../helpers/freeswitch-process.ts'
import { type SippResult, sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const binary = process.env.TANDEM_TEST_FREESWITCH_BIN ?? ''

/** Runs where `TANDEM_TEST_FREESWITCH_BIN` names the program. */
describe('a real FreeSWITCH that dies under its calls', function () {
  this.timeout(90_000)
  let servers: readonly [FreeSwitchProcess, FreeSwitchProcess]
  let node: TandemProcess

  before(async function () {
    if (binary === '') return this.skip()
    servers = [await FreeSwitchProcess.start(binary), await FreeSwitchProcess.start(binary)]
    node = await TandemProcess.start({ config: { media: { engine: FreeSwitchProcess.url(...servers) } } })
  })

  after(async () => {
    if (binary === '') return
    assert.equal(await node.stop(), 0)
    await Promise.all(servers.map((server) => server.stop()))
  })

  /** Two calls at once, a server each, of a caller who waits to be hung up. */
  async function twoCalls(): Promise<{ readonly calling: Promise<SippResult> }> {
    const before = (await allCalls(node)).length
    const target = `${node.address}:5060`
    const calling = sipp({ scenario: 'uac-answers', target, number: NUMBER, calls: 2, rate: 1, pauseMs: 12_000 })
    calling.catch(() => undefined)
    await until(async () => {
      const calls = await allCalls(node)
      return calls.length === before + 2 && calls.filter(({ state }) => state === 'active').length === 2
    }, 'two calls')
    assert.deepEqual(await Promise.all(servers.map((server) => server.sessions())), [1, 1])
    return { calling }
  }

  /** Calls that have ended because of media, newest first. */
  const lostCalls = async (): Promise<readonly ApiCall[]> =>
    (await allCalls(node)).filter(({ end }) => end?.by === 'system' && end.cause === 'agent-fault')

  async function placesAnother(): Promise<void> {
    const result = await sipp({ scenario: 'uac-answers', target: `${node.address}:5060`, number: NUMBER, pauseMs: 500 })
    assert.equal(result.code, 0, result.errors)
  }

  const notReady = async (): Promise<string> => (await node.text('/readyz')).match(/"part":"(\w+)"/)?.[1] ?? ''

  const up = async (): Promise<readonly string[]> =>
    [...(await node.metrics()).matchAll(/^tandem_media_server_up\{.*\} (\d)$/gm)].map(([, value = '']) => value)

  for (const [round, how, die, revive] of [
    [1, 'killed', (server) => server.kill(), (server) => server.revive()],
    [2, 'stopped', (server) => server.signal('SIGSTOP'), (server) => server.signal('SIGCONT')],
  ] as const satisfies readonly (readonly [number, string, ...((server: FreeSwitchProcess) => unknown)[]])[]) {
    it(`that is ${how} loses its calls alone, new ones go to the other, and it is used again`, async () => {
      const { calling } = await twoCalls()
      const atMs = performance.now()
      await die(servers[0])
      // Placed before anybody can know.
      const another = placesAnother()
      await until(async () => (await lostCalls()).length === round, 'the lost call')
      assert.equal((await lostCalls())[0]?.media?.codec, 'PCMU')
      const tookMs = performance.now() - atMs
      assert.ok(tookMs < 6_000, `${tookMs} ms`)
      assert.deepEqual(await up(), ['0', '1'])
      await another
      assert.ok(performance.now() - atMs < 8_000, `another call: ${performance.now() - atMs} ms`)
      await revive(servers[0])
      await until(async () => (await up()).join() === '1,1', 'the server to be used again')
      // Nothing of the lost call is left on it.
      await until(async () => (await servers[0].sessions()) === 0, 'the lost channel to end', 10_000)
      // The other call was never touched.
      const { successful, failed } = await calling
      assert.deepEqual([successful, failed], [1, 1])
      assert.equal((await endedCalls(node, 3 * round)).length, 3 * round)
      assert.equal((await lostCalls()).length, round)
    })
  }

  it('leaves callers with 503 while both are gone, says why, and takes calls when one is back', async () => {
    await Promise.all(servers.map((server) => server.kill()))
    await until(async () => (await notReady()) === 'media', 'the node to be unready')
    assert.match(await node.text('/readyz'), /FreeSWITCH at .*FreeSWITCH at /)
    const refused = await sipp({ scenario: 'uac-answers', target: `${node.address}:5060`, number: NUMBER })
    assert.match(refused.errors, /503/)
    await servers[1].revive()
    await until(async () => (await up()).join() === '0,1', 'one to be back', 12_000)
    await placesAnother()
    assert.doesNotMatch(node.output, /Mediaserver:|Endpoint#/)
  })
})
