import assert from 'node:assert/strict'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { newAgentMeter } from '../../../app/agent/meter.ts'
import { RealtimeSocket, type SocketEnd } from '../../../app/agent/realtime-socket.ts'
import { backend } from './agent-fixture.ts'

describe('the socket to a realtime server', () => {
  let server: LocalAgent
  before(async () => {
    server = await startLocalAgent({ apiKey: 'test-key' })
  })
  after(() => server.close())

  const keepAlive = { pingEveryMs: 20, pongWithinMs: 60 }
  const open = (onEnd: (end: SocketEnd) => void, onOpen = (): void => undefined): RealtimeSocket => {
    const handlers = { onOpen, onEvent: () => undefined, onEnd }
    return new RealtimeSocket(backend(server.baseUrl), 2_000, handlers, newAgentMeter(), keepAlive)
  }

  it('is given up when a ping is not answered', async () => {
    await server.setFaults({ halfOpen: true })
    let socket: RealtimeSocket | undefined
    const end = await new Promise<SocketEnd>((resolve) => {
      socket = open(resolve)
    })
    assert.deepEqual(end, { code: 1006, message: 'no pong within 60 ms', refusal: 'agent-unreachable' })
    await socket?.close()
    await server.setFaults({})
  })

  it('takes its time for the handshake and no more', async () => {
    await server.setFaults({ handshakeDelayMs: 60_000 })
    const end = await new Promise<SocketEnd>((resolve) => {
      const handlers = { onOpen: () => undefined, onEvent: () => undefined, onEnd: resolve }
      void new RealtimeSocket(backend(server.baseUrl), 50, handlers, newAgentMeter())
    })
    assert.equal(end.refusal, 'agent-timeout')
    await server.setFaults({})
  })

  it('says nothing any more once it is closed by us, and can be closed twice', async () => {
    const ends: SocketEnd[] = []
    const socket = await new Promise<RealtimeSocket>((resolve) => {
      const opening: RealtimeSocket = open(
        (end) => ends.push(end),
        () => resolve(opening),
      )
    })
    await Promise.all([socket.close(), socket.close()])
    socket.sendText('{}')
    assert.deepEqual(ends, [])
  })
})
