import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type RunningApi, startApi } from '../../../app/api/server.ts'
import { trunkId } from '../../../lib/core/ids.ts'
import { type ApiParts, apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { EventReader } from './event-reader.ts'

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('the stream of events', () => {
  let api: RunningApi
  let parts: ApiParts
  let readers: EventReader[]

  const start = async (options: Parameters<typeof apiParts>[0] = {}) => {
    parts = apiParts(options)
    api = await startApi(parts.options)
  }
  const open = async (query = '', headers: Record<string, string> = {}) => {
    const reader = await EventReader.open(`${api.url}/api/v1/events${query}`, { ...bearer(KEYS.viewer), ...headers })
    readers.push(reader)
    return reader
  }
  const emit = (from: number, to: number) => {
    for (const n of range(from, to)) parts.events.emit({ event: 'dtmf', n })
  }

  beforeEach(() => {
    readers = []
  })
  afterEach(async () => {
    await Promise.all(readers.map((reader) => reader.close()))
    await api.close()
    parts.metrics.close()
    assert.equal(parts.events.readers, 0)
  })

  it('gives each event from now on, whole and with its id', async () => {
    await start()
    emit(1, 3)
    const reader = await open()
    const event = parts.events.emit({
      event: 'call.answered',
      level: 'warn',
      trunk: trunkId('alpha'),
      extra: { a: [1] },
    })
    assert.deepEqual(JSON.parse((await reader.next())?.data ?? ''), event)
    assert.equal(reader.lastEventId, event.id)
    assert.equal(reader.response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  })

  it('goes on after Last-Event-ID from memory, losing and doubling nothing', async () => {
    await start()
    const first = await open()
    emit(1, 10)
    assert.deepEqual(await first.numbers(4), range(1, 4))
    const seen = first.lastEventId
    await first.close()
    emit(11, 20)
    const last = JSON.parse((await (await open('', { 'last-event-id': seen })).next())?.data ?? '')
    assert.ok(last.n >= 5 && last.n <= 11)
    const again = await open('', { 'last-event-id': seen })
    const numbers = await again.numbers(20 - last.n + 1)
    emit(21, 25)
    assert.deepEqual([...numbers, ...(await again.numbers(5))], range(last.n, 25))
  })

  it('goes on from the store where memory does not reach back, losing and doubling nothing', async () => {
    await start({ ringSize: 8 })
    const reader = await open()
    emit(1, 3)
    await reader.numbers(3)
    const seen = reader.lastEventId
    await reader.close()
    emit(4, 1_500)
    const again = await open(`?lastEventId=${seen}`)
    assert.deepEqual(await again.numbers(1_497), range(4, 1_500))
    emit(1_501, 1_505)
    assert.deepEqual(await again.numbers(5), range(1_501, 1_505))
  })

  it('loses nothing while events go on during the reading back', async () => {
    await start({ ringSize: 64 })
    const id = parts.events.emit({ event: 'dtmf', n: 1 }).id
    emit(2, 2_000)
    const reader = await open('', { 'last-event-id': id })
    const read: number[] = []
    for (let n = 2_001; n <= 2_040; n += 1) {
      emit(n, n)
      read.push(...(await reader.numbers(50)))
    }
    read.push(...(await reader.numbers(2_040 - 1 - read.length)))
    assert.deepEqual(read, range(2, 2_040))
  })

  it('says where events are missing, when the store is away, and goes on', async () => {
    await start({ ringSize: 4 })
    emit(1, 20)
    parts.store.away = true
    const reader = await open('', { 'last-event-id': 'east-1-1' })
    assert.equal((await reader.next())?.name, 'gap')
    emit(21, 22)
    const next = await reader.numbers(2)
    assert.ok(next[0] !== undefined && next[0] >= 17)
  })

  it('gives a reader only what it asks for', async () => {
    await start()
    const reader = await open('?trunk=alpha&level=warn')
    parts.events.emit({ event: 'dtmf', n: 1, trunk: trunkId('alpha') })
    parts.events.emit({ event: 'dtmf', n: 2, trunk: trunkId('beta'), level: 'error' })
    parts.events.emit({ event: 'dtmf', n: 3, trunk: trunkId('alpha'), level: 'error' })
    assert.deepEqual(await reader.numbers(1), [3])
  })

  it('tells a reader whose filter leaves all out how far it has come', async () => {
    await start({ heartbeatMs: 20 })
    const reader = await open('?trunk=none')
    const { id } = parts.events.emit({ event: 'dtmf', n: 1 })
    const waiting = reader.next()
    while (reader.lastEventId !== id) await delay(1)
    await reader.close()
    await waiting.catch(() => undefined)
  })

  it('cuts a reader that takes nothing, and holds nothing for it', async () => {
    await start({ ringSize: 64, stallTimeoutMs: 200 })
    const { hostname, port } = new URL(api.url)
    const socket = connect(Number(port), hostname)
    socket.pause()
    await once(socket, 'connect')
    socket.write(`GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.viewer}\r\n\r\n`)
    while (parts.events.readers === 0) await delay(1)
    const padding = 'x'.repeat(60_000)
    while (parts.events.readers > 0) {
      parts.events.emit({ event: 'dtmf', padding })
      await delay(1)
    }
    socket.destroy()
    await once(socket, 'close')
  })

  it('refuses a Last-Event-ID that is none', async () => {
    await start()
    for (const reader of [await open('', { 'last-event-id': 'nonsense' }), await open('?lastEventId=nonsense')]) {
      assert.equal(reader.response.status, 400)
    }
    assert.equal((await fetch(`${api.url}/api/v1/events`)).status, 401)
  })

  it('ends when the node does, at once', async () => {
    await start()
    const reader = await open()
    await api.close()
    assert.equal(await reader.next(), undefined)
  })
})

describe('the port of the API', () => {
  it('is named in the error where it is taken, with whom it is taken by', async () => {
    const parts = apiParts()
    const api = await startApi(parts.options)
    const port = Number(new URL(api.url).port)
    const second = apiParts({ listen: { host: '127.0.0.1', port } })
    await assert.rejects(
      startApi(second.options),
      new RegExp(`http.listen 127.0.0.1:${port} is taken by .*${process.pid}`),
    )
    await api.close()
    parts.metrics.close()
    second.metrics.close()
  })

  it('answers what is no HTTP in the common form, and goes on', async () => {
    const parts = apiParts()
    const api = await startApi(parts.options)
    const { hostname, port } = new URL(api.url)
    const socket = connect(Number(port), hostname)
    socket.end('INVITE sip:x SIP/2.0\r\n\r\n')
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    assert.match(answer, /^HTTP\/1.1 400 [\s\S]*"code":"bad-request"/)
    assert.equal((await fetch(`${api.url}/healthz`)).status, 200)
    await api.close()
    parts.metrics.close()
  })
})
