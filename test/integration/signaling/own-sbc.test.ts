import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { answerChallenge, formatCredentials, pickChallenge } from '../../../lib/sip/digest.ts'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER, OFFICE } from './call-centre.ts'

const HOST = 'sip.office.example'
const SECRET = { username: 'sbc', password: 'let me in' }
/** An address that belongs to nobody. */
const STRANGER = '127.0.0.77'
/** That the office's SBC is known by. */
const OWN = '127.0.0.3'

let seq = 100

describe('the SBC of a tenant at the door', function () {
  this.timeout(15_000)
  let centre: CallCentre
  let sbc: Peer

  beforeEach(async () => {
    centre = await callCentre()
    sbc = await Peer.open(centre.address, STRANGER)
  })
  afterEach(async () => {
    sbc.close()
    await centre.close()
  })

  function request(method: string, { number = OFFICE, host = HOST, authorization = '' } = {}, peer = sbc): string {
    const headers = { CSeq: `${++seq} ${method}`, Authorization: authorization }
    const text = peer.request(method, headers, method === 'INVITE' ? sdp(4000) : '')
    return text.replace(/^(\w+) \S+/, `$1 sip:${number}@${host}`)
  }

  const refused = async (): Promise<number> => (await eventually('counters', () => centre.sip.counters.refused)) ?? 0

  /** What a request without credentials is asked. */
  async function challenged(method = 'INVITE'): Promise<readonly string[]> {
    const text = request(method)
    sbc.send(text)
    const response = await sbc.nextResponse(401)
    if (method === 'INVITE') sbc.send(sbc.ack(text, response, 'same'))
    return response.headers('WWW-Authenticate')
  }

  function credentials(challenges: readonly string[], method = 'INVITE', secret = SECRET, number = OFFICE): string {
    const challenge = pickChallenge(challenges)
    assert.ok(challenge !== undefined)
    const subject = { method, uri: `sip:${number}@${HOST}`, body: Buffer.alloc(0) }
    return formatCredentials(answerChallenge(challenge, secret, subject, { cnonce: 'c', nonceCount: 1 }))
  }

  async function hangUp(invite: string, answer: SipResponse, peer = sbc): Promise<void> {
    peer.send(peer.ack(invite, answer))
    peer.send(peer.inDialog(invite, answer, 'BYE', ++seq))
    await peer.nextResponse(200, 'BYE')
  }

  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''

  it('is asked once, in two header lines, and is then served as a trunk of its tenant', async () => {
    const challenges = await challenged()
    assert.equal(challenges.length, 2)
    assert.match(challenges[0] ?? '', /algorithm=SHA-256/)
    assert.match(challenges[1] ?? '', /algorithm=MD5/)
    const invite = request('INVITE', { authorization: credentials(challenges) })
    sbc.send(invite)
    await hangUp(invite, await sbc.nextResponse(200, 'INVITE'))
    const { tenant, trunk, to, end } = await centre.ended(callIdOf(invite))
    assert.deepEqual([tenant, trunk, to, end?.cause], ['office', null, OFFICE, 'normal'])
    // The first INVITE, which nobody answers for, is on no record.
    assert.equal(centre.events.filter(({ event }) => event === 'call.incoming').length, 1)
  })

  it('is held to the limits of its tenant, and to its numbers', async () => {
    const first = request('INVITE', { authorization: credentials(await challenged()) })
    sbc.send(first)
    const answer = await sbc.nextResponse(200, 'INVITE')
    const second = request('INVITE', { authorization: credentials(await challenged()) })
    sbc.send(second)
    await sbc.nextResponse(486)
    const other = credentials(await challenged(), 'INVITE', SECRET, NUMBER)
    sbc.send(request('INVITE', { number: NUMBER, authorization: other }))
    await sbc.nextResponse(404)
    await hangUp(first, answer)
  })

  it('gets 403 for wrong credentials, whether the user exists or not, and is banned when it goes on', async () => {
    const answers: string[] = []
    for (const secret of [
      { ...SECRET, password: 'guess' },
      { ...SECRET, username: 'guess' },
    ]) {
      const authorization = credentials(await challenged(), 'INVITE', secret)
      const text = request('INVITE', { authorization })
      sbc.send(text)
      const response = await sbc.nextResponse(403)
      sbc.send(sbc.ack(text, response, 'same'))
      answers.push(response.startLine)
    }
    assert.equal(answers[0], answers[1])
    const told = centre.events.filter(({ event }) => event === 'security.refused')
    assert.deepEqual([told.length, told[0]?.why, told[0]?.source], [2, 'credentials', STRANGER])
    const wrong = credentials(await challenged('OPTIONS'), 'OPTIONS', { ...SECRET, password: 'guess' })
    for (let i = 0; i < 18; i++) sbc.send(request('OPTIONS', { authorization: wrong }))
    await eventually('the ban', () => {
      sbc.send(request('OPTIONS'))
      return (centre.sip.counters.dropped ?? 0) > 0 ? true : undefined
    })
  })

  it('is asked so many times and no more: then comes silence', async () => {
    for (let i = 0; i < 60; i++) sbc.send(request('OPTIONS'))
    await eventually('a ban', () => ((centre.sip.counters.dropped ?? 0) > 0 ? true : undefined))
    assert.ok(sbc.count('SIP/2.0 401') >= 20 && sbc.count('SIP/2.0 401') <= 23, String(sbc.count('SIP/2.0 401')))
  })

  it('is told by OPTIONS whether a call would be served, once it has shown its credentials', async () => {
    const authorization = credentials(await challenged('OPTIONS'), 'OPTIONS')
    sbc.send(request('OPTIONS', { authorization }))
    await sbc.nextResponse(200, 'OPTIONS')
    centre.full = true
    sbc.send(request('OPTIONS', { authorization: credentials(await challenged('OPTIONS'), 'OPTIONS') }))
    await sbc.nextResponse(503, 'OPTIONS')
  })

  it('cannot use credentials twice', async () => {
    const authorization = credentials(await challenged('OPTIONS'), 'OPTIONS')
    sbc.send(request('OPTIONS', { authorization }))
    await sbc.nextResponse(200, 'OPTIONS')
    sbc.send(request('OPTIONS', { authorization }))
    assert.match((await sbc.nextResponse(401)).headers('WWW-Authenticate')[0] ?? '', /stale=true/)
  })

  it('hears nothing where it names another host, asks for something else, or sends what is no request of a caller', async () => {
    const silent = [
      request('INVITE', { host: 'sip.elsewhere.example' }),
      request('OPTIONS', { host: '127.0.0.1' }),
      request('REGISTER'),
      request('MESSAGE'),
      request('INVITE').replace('Max-Forwards: 70', 'Max-Forwards: 0'),
      request('OPTIONS').replace(/^(To: .*)\r$/m, '$1;tag=x\r'),
      request('INVITE').replace(/^Contact: .*\r\n/m, ''),
    ]
    for (const text of silent) sbc.send(text)
    await eventually('all of them counted', async () => ((await refused()) === silent.length ? true : undefined))
    assert.deepEqual(sbc.startLines, [])
  })

  it('needs no credentials at an address of its own', async () => {
    const own = await Peer.open(centre.address, OWN)
    const invite = request('INVITE', { host: '127.0.0.1' }, own)
    own.send(invite)
    await hangUp(invite, await own.nextResponse(200, 'INVITE'), own)
    const { tenant, trunk } = await centre.ended(callIdOf(invite))
    assert.deepEqual([tenant, trunk], ['office', null])
    own.send(request('INVITE', { number: NUMBER, host: '127.0.0.1' }, own))
    await own.nextResponse(404)
    own.close()
  })
})
