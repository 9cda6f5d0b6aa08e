import assert from 'node:assert/strict'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { TcpGate } from '../../helpers/tcp-gate.ts'
import { Peer } from './peer.ts'
import { addressOf, emptied, eventually, FAST_TIMERS, sdp } from './rig.ts'
import { newSrf } from './srf.ts'
import { WireClient } from './wire-client.ts'

describe('a SIP server with several applications', function () {
  this.timeout(15_000)
  let server: SipServer
  let peer: Peer
  let clients: WireClient[] = []

  beforeEach(async () => {
    server = await startSipServer({
      listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'],
      secret: 'cymru',
      allowAll: true,
      timers: FAST_TIMERS,
    })
    peer = await Peer.open(addressOf(server, 'udp'))
  })

  afterEach(async () => {
    for (const client of clients) client.close()
    clients = []
    peer.close()
    await server.close()
  })

  const login = async (...verbs: readonly string[]): Promise<WireClient> => {
    const client = await WireClient.open(server.adminPort)
    clients.push(client)
    assert.equal((await client.ask('authenticate|cymru|'))[0], 'OK')
    for (const verb of verbs) assert.equal((await client.ask(`route|${verb}`))[0], 'OK')
    return client
  }

  interface Call {
    readonly invite: string
    readonly answer: SipResponse
    readonly dialogId: string
  }

  /** A call of the peer that an application has answered. */
  const callTo = async (client: WireClient): Promise<Call> => {
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    const txnId = fieldsOf(await client.next((payload) => payload.includes('INVITE sip:')))[8] ?? ''
    const ok = `SIP/2.0 200 OK\r\nContent-Type: application/sdp\r\n\r\n${sdp(4000)}`
    const dialogId = (await client.ask(`sip|${txnId}|\r\n${ok}`))[8] ?? ''
    const answer = await peer.nextResponse(200, 'INVITE')
    peer.send(peer.ack(invite, answer))
    await client.next((payload) => payload.includes('\r\nACK sip:'))
    return { invite, answer, dialogId }
  }

  const lose = async (client: WireClient): Promise<void> => {
    const before = (await server.counters()).clients
    client.close()
    await eventually('one less', async () => ((await server.counters()).clients < before ? true : undefined))
  }

  it('lets any of them speak in a dialog, as drachtio-server does; the answer is its own, what the peer asks stays with the other', async () => {
    const owner = await login('invite')
    const other = await login()
    const { invite, answer, dialogId } = await callTo(owner)
    assert.equal((await other.ask(`sip||${dialogId}\r\nINFO sip:placeholder SIP/2.0\r\n\r\n`))[0], 'OK')
    peer.send(peer.response(await peer.nextRequest('INFO'), 200, 'OK'))
    await other.next((payload) => payload.includes('\r\nSIP/2.0 200 OK'))
    peer.send(peer.inDialog(invite, answer, 'INFO', 50))
    await owner.next((payload) => payload.includes('\r\nINFO sip:'))
  })

  it('keeps the dialogs of one that is gone, and gives them to the one that speaks in them', async () => {
    const gone = await login('invite')
    const { invite, answer, dialogId } = await callTo(gone)
    await lose(gone)
    peer.send(peer.inDialog(invite, answer, 'INFO', 50))
    await peer.nextResponse(481, 'INFO')
    const heir = await login()
    assert.equal((await heir.ask(`sip||${dialogId}\r\nINFO sip:placeholder SIP/2.0\r\n\r\n`))[0], 'OK')
    peer.send(peer.response(await peer.nextRequest('INFO'), 200, 'OK'))
    peer.send(peer.inDialog(invite, answer, 'BYE', 51))
    const bye = fieldsOf(await heir.next((payload) => payload.includes('\r\nBYE sip:')))
    assert.equal(bye[9], dialogId)
    await heir.ask(`sip|${bye[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`)
    await peer.nextResponse(200, 'BYE')
    await emptied(server)
  })

  it('takes the BYE of a peer whose application is gone', async () => {
    const gone = await login('invite')
    const { invite, answer } = await callTo(gone)
    await lose(gone)
    peer.send(peer.inDialog(invite, answer, 'BYE', 50))
    await peer.nextResponse(200, 'BYE')
    assert.equal((await server.counters()).dialogs, 0)
  })

  it('hangs up after 64*T1 where nobody has taken the dialog over, and writes that down', async () => {
    const gone = await login('invite')
    const billing = await login('cdr:stop')
    await callTo(gone)
    await lose(gone)
    const bye = await peer.nextRequest('BYE')
    assert.match(bye.header('Reason') ?? '', /application is gone/)
    peer.send(peer.response(bye, 200, 'OK'))
    const stop = await billing.next((payload) => payload.includes('|cdr:stop|'))
    assert.equal(fieldsOf(stop)[4], 'system-error-initiated-termination')
    await emptied(server)
  })

  it('sends an application that is back what it asked for before, and lets it hang up', async () => {
    const gate = await TcpGate.open('127.0.0.1', { host: '127.0.0.1', port: server.adminPort })
    const srf = newSrf()
    srf.on('error', () => {})
    const connections: unknown[] = []
    srf.on('connect', (error) => connections.push(error))
    srf.invite((req, res) => void srf.createUAS(req, res, { localSdp: sdp(4000) }))
    srf.connect({ host: '127.0.0.1', port: gate.port, secret: 'cymru' })
    const answered = async (): Promise<{ readonly invite: string; readonly ok: SipResponse }> =>
      eventually('an answer', async () => {
        const invite = peer.request('INVITE', {}, sdp(5000))
        peer.send(invite)
        const final = await peer.next('a final response', (message) =>
          message.kind === 'response' && message.status >= 200 ? message : undefined,
        )
        peer.send(peer.ack(invite, final, final.status === 200 ? 'new' : 'same'))
        return final.status === 200 ? { invite, ok: final } : undefined
      })
    const { ok } = await answered()
    gate.reopen()
    await eventually('another connection', () => (connections.length === 2 ? true : undefined))
    await answered()
    const stackDialogId = `${ok.callId};from-tag=${ok.from().params.get('tag') ?? ''}`
    await srf.request('sip:placeholder', { method: 'BYE', stackDialogId })
    const bye = await peer.nextRequest('BYE')
    assert.equal(bye.callId, ok.callId)
    peer.send(peer.response(bye, 200, 'OK'))
    srf.disconnect()
    await gate.close()
  })
})

const fieldsOf = (payload: string): string[] => (payload.split('\r\n')[0] ?? '').split('|')
