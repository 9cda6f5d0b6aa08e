import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { SipDialog } from '../../../app/signaling/sip-dialog.ts'
import { type LinkState, SipLink } from '../../../app/signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { Authority } from '../../helpers/certificates.ts'
import { Peer } from '../sip-server/peer.ts'
import { addressOf, eventually, FAST_TIMERS, sdp } from '../sip-server/rig.ts'

const SECRET = 'cymru'

/** A door to the admin socket of a SIP server: it can be cut, or let nothing through any more while it stays open. */
class Door {
  readonly server: Server
  /** All that applications have said. */
  said = ''
  readonly #sockets = new Set<Socket>()

  constructor(adminPort: number, make: (onSocket: (socket: Socket) => void) => Server = createServer) {
    this.server = make((front) => {
      const back = connect(adminPort, '127.0.0.1')
      front.on('data', (chunk) => {
        this.said += chunk.toString()
      })
      for (const [socket, other] of [
        [front, back],
        [back, front],
      ] as const) {
        this.#sockets.add(socket)
        socket.pipe(other)
        socket.on('error', () => other.destroy())
        socket.on('close', () => other.destroy())
      }
    })
  }

  async open(port = 0): Promise<number> {
    this.server.listen(port, '127.0.0.1')
    await once(this.server, 'listening')
    const address = this.server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** The connections end; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe()
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve))
    this.cut()
    await closed
  }
}

describe('the line to the SIP server', function () {
  this.timeout(20_000)
  let server: SipServer
  let link: SipLink | undefined
  const doors: Door[] = []

  beforeEach(async () => {
    const listen = ['udp:127.0.0.1:0']
    server = await startSipServer({ listen, secret: SECRET, allowAll: true, timers: FAST_TIMERS })
  })

  afterEach(async () => {
    link?.close()
    link = undefined
    for (const door of doors.splice(0)) await door.close()
    await server.close()
  })

  const door = (make?: ConstructorParameters<typeof Door>[1]): Door => {
    const made = new Door(server.adminPort, make)
    doors.push(made)
    return made
  }
  const place = (port: number) => ({ host: '127.0.0.1', port, secret: SECRET })

  async function connected(...ports: readonly number[]): Promise<{ link: SipLink; states: LinkState[] }> {
    const made = await SipLink.connect({ servers: ports.map(place) })
    if (!made.ok) throw made.error
    link = made.value
    const states: LinkState[] = []
    link.onState((state) => states.push(state))
    return { link, states }
  }

  const answering = (to: SipLink): SipDialog[] => {
    const dialogs: SipDialog[] = []
    to.onInvite(async (invite) => {
      const answered = await invite.answer(sdp(4000))
      if (answered.ok) dialogs.push(answered.value)
    })
    return dialogs
  }

  async function call(peer: Peer): Promise<void> {
    // The server has heard which requests we want when it sends what we said after that.
    await link?.ping(`sip:${peer.address}`, 50)
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    peer.send(peer.ack(invite, await peer.nextResponse(200, 'INVITE')))
  }

  it('is made anew where it is cut: handlers stay, and who waits in a call that is gone is hung up', async () => {
    const cut = door()
    const { link, states } = await connected(await cut.open())
    const dialogs = answering(link)
    const peer = await Peer.open(addressOf(server, 'udp'))
    try {
      await call(peer)
      await eventually('the call to be up', () => dialogs[0])
      cut.cut()
      await eventually('the line to be back', () => states[1])
      assert.deepEqual(
        states.map(({ up }) => up),
        [false, true],
      )
      await call(peer)
      // drachtio-server still has the dialog and sends it; our own server has dropped it with the connection.
      const bye = /\|sip\|\|(.*)\r\nBYE sip:placeholder[\s\S]*?\r\n\r\n/.exec(cut.said)
      assert.equal(bye?.[1], dialogs[0]?.id)
      assert.match(bye?.[0] ?? '', /Reason: Q\.850;cause=38/i)
      await eventually('the second call to be up', () => dialogs[1])
      // What ended before the line was cut is over.
      const ended = dialogs[1]?.bye()
      peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
      await ended
      cut.cut()
      await eventually('the line to be back again', () => states[3])
      await link.ping(`sip:${peer.address}`, 50)
      assert.equal(cut.said.match(/BYE sip:placeholder/g)?.length, 2)
    } finally {
      peer.close()
    }
  })

  it('says nothing of a peer while it is away', async () => {
    const cut = door()
    const { link, states } = await connected(await cut.open())
    await cut.close()
    doors.pop()
    await eventually('the line to be lost', () => states[0])
    assert.deepEqual(await link.ping('sip:127.0.0.1:9', 100), { kind: 'away' })
    assert.deepEqual(link.hostports, server.hostports)
    const lost = await link.invite({ uri: 'sip:127.0.0.1:9', sdp: sdp(4000), headers: {} }).outcome
    assert.equal(lost.kind, 'failed')
  })

  it('is given up where nothing comes of it, though it is open', async () => {
    const frozen = door()
    const { states } = await connected(await frozen.open())
    frozen.freeze()
    const lost = await patiently(() => states[0])
    assert.match(lost.up ? '' : lost.reason, /no sign of life in 6000 ms/)
    await eventually('a new line', () => states[1])
  })

  it('goes to the next server where the first is gone, and takes none that does not know the secret', async () => {
    const first = door()
    const firstPort = await first.open()
    const { states } = await connected(firstPort, server.adminPort)
    await first.close()
    doors.splice(0)
    const state = await eventually('the other server', () => states[1])
    assert.deepEqual(state, { up: true, server: `127.0.0.1:${server.adminPort}` })
    const servers = [{ ...place(server.adminPort), secret: 'wrong' }]
    const refused = await SipLink.connect({ servers, patienceMs: 60_000 })
    assert.match(refused.ok ? '' : refused.error.message, /the secret is not accepted/)
  })

  it('waits for a server that is not there yet', async () => {
    const late = door()
    const port = await late.open()
    await new Promise((resolve) => late.server.close(resolve))
    const connecting = SipLink.connect({ servers: [place(port)], patienceMs: 10_000 })
    setTimeout(() => void late.open(port), 300)
    const made = await connecting
    assert.ok(made.ok)
    link = made.value
    const missing = await SipLink.connect({ servers: [place(1)] })
    assert.match(missing.ok ? '' : missing.error.message, /127\.0\.0\.1:1: .*ECONNREFUSED/)
  })

  it('is encrypted where that is asked for, after it was cut too, and only to a server that proves its name', async () => {
    const authority = new Authority()
    const { cert, key } = authority.issue('IP:127.0.0.1')
    const encrypted = door((onSocket) => createTlsServer({ cert, key }, onSocket))
    const port = await encrypted.open()
    const open = (ca?: string) =>
      SipLink.connect({ servers: [{ ...place(port), tls: { ...(ca !== undefined && { ca }) } }] })
    try {
      const unproven = await open()
      assert.match(unproven.ok ? '' : unproven.error.message, /certificate/)
      const proven = await open(authority.cert)
      assert.ok(proven.ok)
      link = proven.value
      const states: LinkState[] = []
      link.onState((state) => states.push(state))
      encrypted.cut()
      await eventually('the line to be back', () => states[1])
      assert.equal(states[1]?.up, true)
    } finally {
      authority.close()
    }
  })
})

/** As `eventually`, with the patience for pings that are missed. */
async function patiently<T>(look: () => T | undefined): Promise<T> {
  return eventually('the frozen line to be given up', look).catch(() =>
    eventually('the frozen line to be given up', look),
  )
}
