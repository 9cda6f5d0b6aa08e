import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Cluster } from 'ioredis'
import type { RedisServer } from '../../../app/fleet/redis-client.ts'
import { endClient, readyCheck, redisClients } from '../../../app/fleet/redis-client.ts'
import { RedisSharedState } from '../../../app/fleet/redis-shared-state.ts'
import type { SharedState, SharedStateChange } from '../../../app/fleet/shared-state.ts'
import { codeOf } from '../../../app/store/store-error.ts'
import { parseRedis } from '../../../lib/config/engines.ts'
import { describeSharedState, type SharedStatePair } from '../../conformance/shared-state.ts'
import { tempFolder } from '../../helpers/postgres.ts'
import { hasRedis, startRedis, startRedisCluster, startRedisSentinels, type TestRedis } from '../../helpers/redis.ts'
import { run } from '../../helpers/run.ts'
import { until } from '../../helpers/until.ts'

/** How fast a command is refused that Redis cannot serve now, with a margin. */
const FAIL_FAST_MS = 2500

function serverOf(url: string): RedisServer {
  const choice = parseRedis(url)
  if (choice === undefined || choice.kind === 'embedded') throw new Error(`${url} names no Redis`)
  return choice
}

async function connectPair(url: string): Promise<SharedStatePair> {
  const server = serverOf(url)
  return { here: await RedisSharedState.connect(server), there: await RedisSharedState.connect(server) }
}

/** Resolves at the next change to this state. */
function nextState(shared: SharedState, state: SharedStateChange['state']): Promise<SharedStateChange> {
  return new Promise((resolve) => {
    const stop = shared.onState((change) => {
      if (change.state !== state) return
      stop()
      resolve(change)
    })
  })
}

async function closePair({ here, there }: SharedStatePair): Promise<void> {
  await here.close()
  await there.close()
}

const REFUSED = (error: unknown): boolean => codeOf(error) === 'redis-away'

/** A kill or a hang of what answers, and its return: every carrier of ours has to come through it. */
function describeOutages(servers: () => readonly TestRedis[], pair: () => SharedStatePair): void {
  it('refuses at once while Redis is killed, and rings and stores again by itself when it is back', async () => {
    const { here, there } = pair()
    let ring: (message: unknown) => void = () => undefined
    const heard = new Promise((resolve) => {
      ring = resolve
    })
    const stop = await there.subscribe('outage', (message) => ring(message))
    const down = [nextState(here, 'down'), nextState(there, 'down')]
    for (const server of servers()) await server.kill()
    await Promise.all(down)
    const beganAt = performance.now()
    await assert.rejects(here.put('call:1', 1, 1000), REFUSED)
    await assert.rejects(here.get('call:1'), REFUSED)
    await assert.rejects(here.list('call:'), REFUSED)
    await assert.rejects(here.publish('outage', 0), REFUSED)
    assert.ok(performance.now() - beganAt < FAIL_FAST_MS)
    const late = await here.subscribe('outage-late', () => undefined)
    const up = [nextState(here, 'up'), nextState(there, 'up')]
    for (const server of servers()) await server.resume()
    await Promise.all(up)
    await here.put('call:2', 2, 60_000)
    assert.equal(await there.get('call:2'), 2)
    assert.equal(await there.get('call:1'), undefined)
    await here.publish('outage', 'back')
    assert.equal(await heard, 'back')
    await stop()
    await late()
  })

  it('gives up a server that hangs, and uses it again when it answers', async () => {
    const { here, there } = pair()
    // Both: what comes after this test needs both.
    const both = (state: SharedStateChange['state']) => Promise.all([nextState(here, state), nextState(there, state)])
    const down = both('down')
    for (const server of servers()) server.freeze()
    const beganAt = performance.now()
    await assert.rejects(here.get('call:1'), REFUSED)
    assert.ok(performance.now() - beganAt < FAIL_FAST_MS)
    await down
    const up = both('up')
    for (const server of servers()) server.thaw()
    await up
    await here.put('call:3', 3, 60_000)
    assert.equal(await here.get('call:3'), 3)
  })
}

describe('shared state in Redis', function () {
  this.timeout(60_000)
  before(async function () {
    if (!(await hasRedis())) this.skip()
  })

  describe('one server', () => {
    let redis: TestRedis
    let pair: SharedStatePair
    before(async () => {
      redis = await startRedis()
      pair = await connectPair(`redis://${redis.host}:${redis.port}/3`)
    })
    after(async () => {
      await closePair(pair)
      await redis.stop()
    })

    describeSharedState('one Redis', () => pair)
    describeOutages(
      () => [redis],
      () => pair,
    )

    it('keeps to one prefix and one database, and gives every value an end', async () => {
      await pair.here.put('call:end', 1, 60_000)
      const keys = (await redis.cli('-n', '3', 'keys', '*')).split('\n')
      assert.deepEqual(
        keys.filter((key) => !key.startsWith('{tandem}')),
        [],
      )
      assert.ok(Number(await redis.cli('-n', '3', 'pttl', '{tandem}:call:end')) > 0)
      assert.equal(await redis.cli('-n', '0', 'dbsize'), '0')
    })

    it('drops ended keys from its index as others are put', async () => {
      for (let at = 0; at < 50; at++) await pair.here.put(`brief:${at}`, at, 1)
      while ((await pair.here.get('brief:49')) !== undefined);
      for (let at = 0; at < 3; at++) await pair.here.put('steady:1', at, 60_000)
      assert.equal(await redis.cli('-n', '3', 'zlexcount', '{tandem}.keys', '[brief:', '(brief;'), '0')
    })

    it('takes what strangers write and ring for nothing', async () => {
      await pair.here.put('stranger:1', 1, 60_000)
      await redis.cli('-n', '3', 'set', '{tandem}:stranger:1', 'no JSON')
      assert.equal(await pair.here.get('stranger:1'), undefined)
      assert.equal((await pair.here.list('stranger:')).size, 0)
      const heard = new Promise((resolve) => {
        void pair.there.subscribe('strangers', resolve).then(async () => {
          await redis.cli('publish', '{tandem}/strangers', 'rubbish')
          await pair.here.publish('strangers', 'ours')
        })
      })
      assert.equal(await heard, 'ours')
    })
  })

  it('starts while there is no Redis, says so, and uses it once it is there', async () => {
    const redis = await startRedis()
    await redis.kill()
    const changes: SharedStateChange['state'][] = []
    const server = serverOf(`redis://${redis.host}:${redis.port}`)
    const shared = await RedisSharedState.connect(server, ({ state }) => changes.push(state))
    assert.deepEqual(changes, ['down'])
    const up = nextState(shared, 'up')
    await redis.resume()
    await up
    await shared.put('call:1', 1, 1000)
    await shared.close()
    await redis.stop()
  })

  it('says what Redis refuses, and does not take it for an outage of the network', async () => {
    const redis = await startRedis({ config: ['requirepass right'] })
    const reasons: string[] = []
    const server = serverOf(`redis://:wrong@${redis.host}:${redis.port}`)
    const shared = await RedisSharedState.connect(server, (change) => {
      if (change.state === 'down') reasons.push(change.reason)
    })
    assert.match(reasons.join(), /WRONGPASS/)
    await shared.close()
    const right = await RedisSharedState.connect(serverOf(`redis://:right@${redis.host}:${redis.port}`))
    await right.put('call:1', 1, 1000)
    await right.close()
    await redis.stop()
  })

  describe('over TLS', () => {
    let folder: string
    let redis: TestRedis
    let pair: SharedStatePair
    before(async () => {
      folder = await tempFolder()
      const host = '127.0.0.1'
      const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
      const subject = ['-subj', '/CN=redis', '-addext', `subjectAltName=IP:${host}`]
      const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
      await run('openssl', ['req', '-x509', ...made, ...subject, '-keyout', keyFile, '-out', certFile])
      redis = await startRedis({ host, tls: { certFile, keyFile } })
      pair = await connectPair(`rediss://${host}:${redis.port}?ca=${encodeURIComponent(certFile)}`)
    })
    after(async () => {
      await closePair(pair)
      await redis.stop()
      await rm(folder, { recursive: true, force: true })
    })

    describeSharedState('Redis over TLS', () => pair)

    it('does not talk to a server whose certificate nobody vouches for', async () => {
      const reasons: string[] = []
      const shared = await RedisSharedState.connect(serverOf(`rediss://${redis.host}:${redis.port}`), (change) => {
        if (change.state === 'down') reasons.push(change.reason)
      })
      assert.match(reasons.join(), /self-signed certificate/)
      await shared.close()
    })
  })

  describe('behind Sentinel', () => {
    let servers: readonly [TestRedis, TestRedis]
    let sentinels: readonly TestRedis[]
    let pair: SharedStatePair
    before(async () => {
      ;({ servers, sentinels } = await startRedisSentinels())
      pair = await connectPair(`redis+sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join()}/fleet`)
    })
    after(async () => {
      await closePair(pair)
      for (const server of [...servers, ...sentinels]) await server.stop()
    })

    describeSharedState('Redis behind Sentinel', () => pair)

    describe('at a failover', () => {
      it('goes on with the replica when the master is killed', async () => {
        const { here, there } = pair
        let ring: (message: unknown) => void = () => undefined
        const heard = new Promise((resolve) => {
          ring = resolve
        })
        await there.subscribe('failover', (message) => ring(message))
        const up = Promise.all([here, there].map((shared) => nextState(shared, 'up')))
        await servers[0].kill()
        await up
        await here.put('call:1', 1, 60_000)
        assert.equal(await there.get('call:1'), 1)
        await here.publish('failover', 'over')
        assert.equal(await heard, 'over')
      })
    })
  })

  describe('as a Cluster', () => {
    let nodes: readonly TestRedis[]
    let pair: SharedStatePair
    before(async () => {
      nodes = await startRedisCluster()
      pair = await connectPair(`redis+cluster://${nodes.map(({ host, port }) => `${host}:${port}`).join()}`)
    })
    after(async () => {
      await closePair(pair)
      for (const node of nodes) await node.stop()
    })

    describeSharedState('a Redis Cluster', () => pair)

    it('comes back where it was told to reconnect before it had any connection', async function () {
      this.timeout(40_000)
      const hosts = nodes.map(({ host, port }) => `${host}:${port}`).join()
      const client = (await redisClients(serverOf(`redis+cluster://${hosts}`)))()
      client.on('error', () => undefined)
      const states: string[] = []
      for (const state of ['connecting', 'connect', 'ready', 'reconnecting', 'disconnecting', 'close', 'end'])
        client.on(state, () => states.push(state))
      client.disconnect(true)
      const isReady = readyCheck(client, 200)
      // Masters that a busy machine starves for 3 s take each other for dead, and need 8 s to think better of it.
      await until(async () => isReady(), 'the connections', 30_000).catch((error: unknown) =>
        assert.fail(`${String(error)}: ${states.join()}`),
      )
      assert.equal(await client.set('{tandem}:back', 1), 'OK')
      await endClient(client)
    })

    it('comes back where a connection ends late, while names are looked up for the next ones', async () => {
      const [slow] = nodes
      assert.ok(slow !== undefined)
      const client = new Cluster(
        nodes.map(({ port }) => ({ host: 'redis.example', port })),
        {
          // Longer than the frozen one has for its end, and shorter than it takes to come to it.
          dnsLookup: (_name, done) => void setTimeout(() => done(null, slow.host), 600),
          redisOptions: { disconnectTimeout: 300 },
          clusterRetryStrategy: () => 50,
        },
      )
      client.on('error', () => undefined)
      await once(client, 'ready')
      await Promise.all(client.nodes().map((node) => node.ping()))
      const closed = new Promise<void>((resolve) => {
        client.once('connecting', () => client.once('close', () => resolve()))
      })
      slow.freeze()
      client.disconnect(true)
      await closed
      slow.thaw()
      const isReady = readyCheck(client, 200)
      await until(async () => isReady(), 'the connections')
      await endClient(client)
    })
    describeOutages(
      () => nodes,
      () => pair,
    )
  })
})
