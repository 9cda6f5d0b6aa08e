import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ApiCall, allCalls, endedCalls } from '../helpers/api-call.ts'
import { emptied, type Footprint, footprintOf } from '../helpers/footprint.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import {
  bombs,
  brokenStreams,
  connected,
  destroyAll,
  garbage,
  IN_DIALOG_METHODS,
  mutants,
  sdpBombs,
  sendDatagrams,
} from '../helpers/sip-attacks.ts'
import { sipp } from '../helpers/sipp.ts'
import { KEY, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'
import { type HostileWorld, NUMBERS, startHostileWorld } from './hostile-world.ts'

/** A number that no tenant has: what is answered at all, is refused, and rings nowhere. */
const NOBODY = '+12025550155'
const STRANGER = '127.0.0.66'
/** Readers of events at a time. */
const MAX_STREAMS = 200
const CALLS_OF_A_KIND = 500
const MULAW_TONE = Buffer.alloc(160, 0x20)
/** What a node may hold more than before its first call: caches that fill, code that was compiled. */
const RSS_GROWTH_BYTES = 160 * 1024 * 1024
const FD_GROWTH = 24

describe('a node under attack', function () {
  this.timeout(60_000)
  let node: TandemProcess
  let world: HostileWorld
  let atFirst: Footprint

  before(async () => {
    world = await startHostileWorld()
    node = await TandemProcess.start({ config: world.config })
    await withCaller(NUMBERS.good, async (caller) => void (await caller.hear(20)))
    atFirst = footprintOf(node)
  })

  after(async () => {
    assert.equal(await node.stop(), 0)
    await world.close()
  })

  /** A call that is up while `talk` runs; then the caller hangs up, unless the node has. */
  async function withCaller(number: string, talk: (caller: RawCaller) => Promise<void>): Promise<void> {
    const caller = await RawCaller.open(node.address)
    try {
      const { status } = await caller.call(number)
      assert.equal(status, 200)
      caller.talk()
      await talk(caller)
      assert.ok([200, 481].includes(await caller.hangUp()))
    } finally {
      await caller.close()
    }
  }

  const to = (number: string) => ({ target: `${node.address}:5060`, number })

  /** It answers OPTIONS with 200, and soon. */
  async function assertServes(): Promise<void> {
    const result = await sipp({ ...to(NUMBERS.good), scenario: 'uac-options' })
    assert.equal(result.code, 0, `${result.errors}\n${node.output.slice(-2_000)}`)
  }

  const lastCall = async (): Promise<ApiCall> => {
    const [call] = await endedCalls(node)
    assert.ok(call !== undefined)
    return call
  }

  const invite = (caller: RawCaller, number: string): string => {
    caller.prepare(number)
    return caller.request('INVITE', caller.offer)
  }

  it('survives random bytes, and INVITEs that were cut, repeated and bent', async () => {
    const caller = await RawCaller.open(node.address)
    await sendDatagrams(garbage(400), 5060, node.address)
    await sendDatagrams(mutants(invite(caller, NOBODY), 1_500), 5060, node.address)
    await caller.close()
    await assertServes()
  })

  it('survives floods of headers and lengths that lie', async () => {
    const caller = await RawCaller.open(node.address)
    await sendDatagrams(
      bombs(invite(caller, NOBODY)).map(([, text]) => text),
      5060,
      node.address,
    )
    await caller.close()
    await assertServes()
  })

  it('answers each offer that no phone makes: with a refusal or a call', async () => {
    const offers = await RawCaller.open(node.address)
    const bodies = [...sdpBombs(offers.offer), ...mutants(offers.offer, 60).map((body) => ['a mutant', body] as const)]
    await offers.close()
    for (let at = 0; at < bodies.length; at += 8) {
      await Promise.all(
        bodies.slice(at, at + 8).map(async ([why, body]) => {
          const caller = await RawCaller.open(node.address)
          try {
            const { status } = await caller.call(NUMBERS.good, body)
            assert.ok([200, 400, 415, 488].includes(status), `${why}: ${status}\n${body.slice(0, 400)}`)
            if (status === 200) assert.ok([200, 481].includes(await caller.hangUp()))
          } finally {
            await caller.close()
          }
        }),
      )
    }
  })

  it('serves others while 500 connections stand, 100 of them a byte at a time, and framing is broken', async () => {
    const open = await Promise.all(Array.from({ length: 500 }, () => connected(node.address, 5060)))
    const caller = await RawCaller.open(node.address)
    const text = invite(caller, NOBODY)
    const slow = open.slice(0, 100)
    for (let i = 0; i < 20; i++) {
      for (const socket of slow) socket.write(text.slice(i, i + 1))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    for (const [i, stream] of brokenStreams(text).entries()) open[slow.length + i]?.write(stream)
    const [big, half] = [open.at(-1), open.at(-2)]
    big?.write(Buffer.alloc(200_000, 'a'))
    half?.end(text.slice(0, 200))
    await assertServes()
    const overTcp = await sipp({ ...to(NUMBERS.good), scenario: 'uac-answers', tcp: true })
    assert.equal(overTcp.code, 0, overTcp.errors)
    if (big?.closed === false) await once(big, 'close')
    await destroyAll(open)
    await caller.close()
  })

  it('says nothing to strangers, however many come, and has room for a caller beside them', async () => {
    const heard: string[] = []
    const strangers = await Promise.all(Array.from({ length: 400 }, () => connected(node.address, 5060, STRANGER)))
    const caller = await RawCaller.open(node.address, STRANGER)
    caller.sip.on('message', (bytes) => heard.push(bytes.toString()))
    for (const socket of strangers) {
      socket.on('data', (bytes: Buffer) => heard.push(bytes.toString()))
      socket.write(`\r\n\r\n${invite(caller, NUMBERS.good)}`)
    }
    for (let i = 0; i < 50; i++) caller.sendSip(invite(caller, NUMBERS.good))
    const overTcp = await sipp({ ...to(NUMBERS.good), scenario: 'uac-answers', tcp: true })
    assert.equal(overTcp.code, 0, overTcp.errors)
    assert.deepEqual(heard, [])
    await destroyAll(strangers)
    await caller.close()
  })

  it('refuses HTTP that is wrong, without a 5xx', async () => {
    const paths = [
      ...mutants('/api/v1/calls/01JD0000000000000000000000/ladder?format=json', 150),
      ...mutants('/api/v1/calls?active=true&from=%2B12025550199&limit=10&cursor=abc', 150),
    ].map((path) => path.replaceAll(/[\0-\x20\x7f-\uffff#]/g, '%00'))
    for (const path of paths) {
      const url = `${node.url}/${path.replace(/^[/\\]+/, '')}`
      if (!URL.canParse(url)) continue
      const { status } = await fetch(url, { headers: { authorization: `Bearer ${KEY}` } })
      assert.ok(status < 500, `${status} for ${url}`)
    }
    const bodies = [
      '{',
      '[]',
      'null',
      '"',
      '{"__proto__":{"admin":true}}',
      '{"to":'.repeat(5_000),
      'x'.repeat(2_000_000),
    ]
    for (const path of ['/api/v1/calls', '/api/v1/nodes/test-1', '/api/v1/trunks/nobody/override', '/api/v1/events']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        // Taking an override back needs no body, and is right also where there is none.
        if (method === 'DELETE' && path.endsWith('/override')) continue
        for (const body of bodies) {
          const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
          const status = await fetch(`${node.url}${path}`, { method, headers, body }).then(
            (response) => response.status,
            // A body beyond the limit may find the connection closed before it is sent.
            () => 413,
          )
          assert.ok(status >= 400 && status < 500, `${status} for ${method} ${path} ${body.slice(0, 20)}`)
        }
      }
    }
    assert.equal((await fetch(`${node.url}/healthz`)).status, 200)
  })

  it('bounds the readers of its events, and lets them go', async () => {
    const end = new AbortController()
    // Kept, for fetch ends an answer that nobody holds any more.
    const answers: Response[] = []
    const read = async (seen?: string): Promise<number> => {
      const headers = { authorization: `Bearer ${KEY}`, ...(seen !== undefined && { 'last-event-id': seen }) }
      const answer = await fetch(`${node.url}/api/v1/events`, { headers, signal: end.signal })
      answers.push(answer)
      return answer.status
    }
    // Each asks for all that ever was, and reads nothing of it.
    const ids = ['test-1-0', 'test-1--1', `nobody-${'9'.repeat(300)}`, ',,,', 'test-1-0,'.repeat(900)]
    for (const status of await Promise.all(ids.map((id) => read(id))))
      assert.ok(status === 200 || status === 400, `${status}`)
    const statuses = await Promise.all(Array.from({ length: MAX_STREAMS + 20 }, () => read()))
    assert.deepEqual(new Set(statuses), new Set([200, 503]))
    assert.ok(Number(/^tandem_event_readers\{[^}]*\} (\d+)$/m.exec(await node.metrics())?.[1]) <= MAX_STREAMS)
    assert.equal(answers.length, ids.length + statuses.length)
    end.abort()
    await until(async () => /^tandem_event_readers\{[^}]*\} 0$/m.test(await node.metrics()), 'the readers to be gone')
  })

  it('lets no stranger into a call, and drops what is no RTP', async () => {
    await withCaller(NUMBERS.good, async (caller) => {
      await caller.hear(25)
      const before = caller.heard.length
      const { host, port } = caller.remoteRtp
      // In rounds that the kernel's buffer of the socket holds, each read before the next: what the kernel drops is the caller's too.
      const small = garbage(200, 60)
      const large = garbage(200)
      for (let round = 0; round < 10; round += 1) {
        const flood = Array.from({ length: 30 }, (_, i) => rtpPacket(30 * round + i))
        await Promise.all([
          sendDatagrams(flood, port, host, STRANGER),
          sendDatagrams(flood, port, host),
          sendDatagrams(small.slice(20 * round, 20 * round + 20), port, host),
          sendDatagrams(large.slice(20 * round, 20 * round + 20), port + 1, host, STRANGER),
        ])
        await caller.hear(2)
      }
      await sendDatagrams([Buffer.alloc(60_000, 0x80), Buffer.alloc(0), Buffer.alloc(1, 0x80)], port, host)
      await caller.hear(100)
      for (const [i, packet] of caller.heard.slice(before).entries()) {
        const previous = caller.heard[before + i - 1]
        assert.equal(packet.sequence, ((previous?.sequence ?? 0) + 1) & 0xffff)
        assert.equal(packet.timestamp, ((previous?.timestamp ?? 0) + 160) >>> 0)
        assert.equal(packet.ssrc, previous?.ssrc)
      }
    })
    const { media, transcript } = await lastCall()
    assert.equal(media?.in.lost, 0)
    assert.ok(media.in.packets < 300, `${media.in.packets} packets, some of them the stranger's`)
    assert.deepEqual(
      transcript.filter(({ who }) => who === 'caller'),
      [],
    )
  })

  it('hangs up while a tool hangs, and lets the tool go', async () => {
    await withCaller(NUMBERS.hangingTool, async (caller) => {
      await caller.hear(50)
      caller.press('9')
      await until(async () => world.waiting.size === 1, 'the tool to be called')
    })
    await until(async () => world.waiting.size === 0, 'the tool to be let go')
    assert.deepEqual((await lastCall()).end, { by: 'caller', sip: null, cause: 'normal' })
  })

  it('goes on where a tool answers without end', async () => {
    await withCaller(NUMBERS.floodingTool, async (caller) => {
      await caller.hear(50)
      caller.press('9')
      await caller.hear(100)
    })
    assert.deepEqual((await lastCall()).end, { by: 'caller', sip: null, cause: 'normal' })
  })

  for (const [how, number] of [
    ['is cut in the middle of a sentence', NUMBERS.drops],
    ['closes with an error', NUMBERS.closes],
    ['sends more than a message may have', NUMBERS.floods],
  ] as const) {
    it(`ends the call, as the agent's fault, where the agent ${how}`, async () => {
      const caller = await RawCaller.open(node.address)
      assert.equal((await caller.call(number)).status, 200)
      caller.talk()
      await caller.hungUp
      await caller.close()
      const call = await lastCall()
      assert.equal(call.to, number)
      assert.deepEqual(call.end, { by: 'system', sip: null, cause: 'agent-fault' })
    })
  }

  for (const [how, number] of [
    ['stands still', NUMBERS.stalls],
    ['raves', NUMBERS.raves],
  ] as const) {
    it(`keeps its own clock where the agent ${how}: silence until the caller hangs up`, async () => {
      await withCaller(number, async (caller) => {
        await caller.hear(100)
      })
      const call = await lastCall()
      assert.equal(call.to, number)
      assert.deepEqual(call.end, { by: 'caller', sip: null, cause: 'normal' })
    })
  }

  it('makes calls of INVITEs that still can be read, and takes whatever comes in a call', async () => {
    const caller = await RawCaller.open(node.address)
    const invites = mutants(invite(caller, NUMBERS.bent), 400)
    // Each is an INVITE of its own and no repetition of another. Nobody sends their ACKs.
    await sendDatagrams(
      invites.map((text, i) => text.replaceAll('raw-', `raw${i}-`)),
      5060,
      node.address,
    )
    assert.equal((await caller.call(NUMBERS.bent)).status, 200)
    caller.talk()
    const bodies = [caller.offer, '', 'Signal=5\r\nDuration=160', 'x'.repeat(5_000)]
    const requests = IN_DIALOG_METHODS.flatMap((method) => bodies.map((body) => [method, body] as const))
    const inDialog = requests.flatMap(([method, body], i) => mutants(caller.request(method, body, [], 10 + i), 6))
    await sendDatagrams(inDialog, 5060, node.address)
    await assertServes()
    await caller.close()
  })

  it('has one record of each of 1,000 short calls, ended', async () => {
    const isShort = (call: ApiCall): boolean => call.to === NUMBERS.good || call.to === NUMBERS.slow
    const before = (await allCalls(node)).filter(isShort).length
    const short = (scenario: string, number: string) =>
      sipp({ ...to(number), scenario, calls: CALLS_OF_A_KIND, rate: 20 })
    const results = await Promise.all([short('uac-hangs-up-early', NUMBERS.good), short('uac-cancels', NUMBERS.slow)])
    for (const { code, successful, errors } of results) {
      assert.equal(code, 0, errors.slice(0, 2_000))
      assert.equal(successful, CALLS_OF_A_KIND)
    }
    const made = async (): Promise<readonly ApiCall[]> => (await allCalls(node)).filter(isShort).slice(0, -before)
    await until(async () => (await made()).every(({ state }) => state === 'ended'), 'the calls to have ended')
    const calls = await made()
    assert.equal(calls.length, 2 * CALLS_OF_A_KIND)
    assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length)
    assert.equal(calls.filter(({ end }) => end?.cause === 'cancelled').length, CALLS_OF_A_KIND)
    assert.equal(calls.filter(({ end }) => end?.cause === 'normal').length, CALLS_OF_A_KIND)
  })

  it('is in the end what it was at first: no transaction, dialog, leg or descriptor is left, and it takes a call', async function () {
    this.timeout(120_000)
    await emptied(node)
    const { fds, rssBytes } = footprintOf(node)
    assert.ok(fds - atFirst.fds <= FD_GROWTH, `${atFirst.fds} descriptors have become ${fds}`)
    const grownBytes = rssBytes - atFirst.rssBytes
    assert.ok(grownBytes < RSS_GROWTH_BYTES, `grown by ${Math.round(grownBytes / 1024 / 1024)} MiB`)
    await withCaller(NUMBERS.good, async (caller) => void (await caller.hear(50)))
    assert.deepEqual((await lastCall()).end, { by: 'caller', sip: null, cause: 'normal' })
  })
})

/** A packet of a loud tone, of a stream that nobody has agreed on. */
function rtpPacket(sequence: number): Buffer {
  const header = Buffer.from([0x80, 0, sequence >> 8, sequence & 0xff, 0, 0, 0, 0, 0xba, 0xad, 0xf0, 0x0d])
  return Buffer.concat([header, MULAW_TONE])
}
