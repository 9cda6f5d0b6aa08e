import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { startPostgres, tempFolder } from '../helpers/postgres.ts'
import { RawCaller, type RawOutcome } from '../helpers/raw-caller.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const CARRIER = loopbackAddress()
/** Five calls a second that come in, and five that go out. */
const EVERY_MS = 200
const TALK_MS = 1_000
/** A carrier that hears nothing for so long tries our next node. */
const CARRIER_WAITS_MS = 1_500
const STEADY_MS = 1_500

describe('two nodes that are restarted one after the other', () => {
  it('lose no call, in neither direction, of carriers that follow a 302 and know both', async function () {
    this.timeout(120_000)
    const postgres = await startPostgres()
    const carrier = await Carrier.start({ scenario: 'uas-answers', address: CARRIER, pauseMs: TALK_MS })
    const config = {
      store: { postgres: postgres.url },
      trunks: [
        {
          id: 'local',
          sources: ['127.0.0.1'],
          targets: [{ uri: `sip:${CARRIER}:5080` }],
          probe: { enabled: false },
        },
      ],
    }
    const places = await Promise.all(
      ['a', 'b'].map(async (id) => ({ id, address: loopbackAddress(), dataDir: await tempFolder() })),
    )
    const start = ({ id, address, dataDir }: (typeof places)[number]): Promise<TandemProcess> =>
      TandemProcess.start({ id, address, dataDir, config })
    const nodes = await Promise.all(places.map(start))
    const traffic = new Traffic(() => nodes)
    try {
      await Promise.all(nodes.map(hearsTheOther))
      traffic.begin()
      for (const [i, place] of places.entries()) {
        await delay(STEADY_MS)
        const node = nodes[i]
        assert.ok(node !== undefined)
        node.signal('SIGTERM')
        assert.equal(await node.ended(), 0)
        nodes[i] = await start(place)
        await Promise.all(nodes.map(hearsTheOther))
      }
      await delay(STEADY_MS)
      await traffic.end()

      assert.deepEqual(traffic.failures, [])
      assert.ok(traffic.redirected >= 2, `${traffic.redirected} calls were redirected`)
      const [first] = nodes
      assert.ok(first !== undefined && traffic.placed.length > 20)
      let outbound: readonly ApiCall[] = []
      await until(async () => {
        outbound = (await allCalls(first)).filter(({ id }) => traffic.placed.includes(id))
        return outbound.length === traffic.placed.length && outbound.every(({ state }) => state === 'ended')
      }, 'the records of all calls that went out')
      const lost = outbound.filter(({ answeredAt, end }) => answeredAt === null || end?.cause !== 'normal')
      assert.deepEqual(
        lost.map(({ node, end }) => [node, end]),
        [],
      )
    } finally {
      await traffic.end()
      for (const node of nodes) assert.equal(await node.stop(), 0)
      await carrier.stop()
      await postgres.stop()
      await Promise.all(places.map(({ dataDir }) => rm(dataDir, { recursive: true, force: true })))
    }
  })
})

async function hearsTheOther(node: TandemProcess): Promise<void> {
  await until(
    async () => /^tandem_peers_serving\{[^}]*\} 1$/m.test(await node.metrics()),
    'a node to hear the other one over SIP',
  )
}

/** Calls that come in and calls that go out, at a steady rate, until it is ended. */
class Traffic {
  /** What went wrong with calls that came in, or could be placed nowhere. */
  readonly failures: string[] = []
  /** Ids of calls that went out. */
  readonly placed: string[] = []
  redirected = 0
  readonly #nodes: () => readonly TandemProcess[]
  readonly #calls: Promise<void>[] = []
  #timer: NodeJS.Timeout | undefined
  #turn = 0

  constructor(nodes: () => readonly TandemProcess[]) {
    this.#nodes = nodes
  }

  begin(): void {
    this.#timer = setInterval(() => {
      this.#turn += 1
      const nodes = this.#turn % 2 === 0 ? this.#nodes() : this.#nodes().toReversed()
      for (const call of [this.#comeIn(nodes), this.#goOut(nodes)])
        this.#calls.push(call.catch((error: unknown) => void this.failures.push(String(error))))
    }, EVERY_MS)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#calls)
  }

  /** As a carrier does that has both nodes as targets: what is silent or says 503 is left for the next one. */
  async #comeIn(nodes: readonly TandemProcess[]): Promise<void> {
    const tried: string[] = []
    for (const { address } of nodes) {
      const status = await this.#call(address)
      if (status === 200) return
      tried.push(`${address} ${status ?? 'silence'}`)
    }
    throw new Error(`a call was served nowhere: ${tried.join(', ')}`)
  }

  /** The status that a call to a node ends with, at another one where it is sent there; null: silence. */
  async #call(address: string): Promise<number | null> {
    const caller = await RawCaller.open(address)
    try {
      const outcome = await inTime(caller.call(NUMBER))
      if (outcome === null) return null
      if (outcome.status === 302) {
        this.redirected += 1
        const elsewhere = /^Contact: <sip:[^@]+@([\d.]+):5060/m.exec(outcome.text)?.[1]
        return elsewhere === undefined ? 302 : await this.#call(elsewhere)
      }
      if (outcome.status !== 200) return outcome.status
      await delay(TALK_MS)
      assert.equal(await caller.hangUp(), 200)
      return 200
    } finally {
      await caller.close()
    }
  }

  async #goOut(nodes: readonly TandemProcess[]): Promise<void> {
    const refused: string[] = []
    for (const node of nodes) {
      try {
        const { id } = await node.post<ApiCall>('/api/v1/calls', { to: '+12025550123', tenant: 'clinic' })
        this.placed.push(id)
        return
      } catch (error) {
        refused.push(String(error))
      }
    }
    throw new Error(`a call could be placed nowhere: ${refused.join(', ')}`)
  }
}

async function inTime(outcome: Promise<RawOutcome>): Promise<RawOutcome | null> {
  const silence = outcome.catch(() => null)
  return Promise.race([silence, delay(CARRIER_WAITS_MS).then(() => null)])
}
