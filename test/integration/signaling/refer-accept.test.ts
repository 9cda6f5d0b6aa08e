import assert from 'node:assert/strict'
import type { RouterDial } from '../../../lib/route/router.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { until as untilSo } from '../../helpers/until.ts'
import { audioPort, RawPeer } from '../media/media-fixture.ts'
import { Peer } from '../sip-server/peer.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

const DESK = '+12025550150'
const WARD = '1002'
const NIGHT = '+12025550152'

const config = (desk: Peer, accepts: boolean): string => `
agents:
  keypad:
    backend: local
    transfers:
      desk: { to: "${DESK}" }
      night: { to: "${NIGHT}", attended: true }
trunks:
  - { id: carrier, sources: [127.0.0.1] }
  - { id: alpha, targets: [{ uri: "sip:${desk.address}" }], acceptRefer: ${accepts} }
groups: { us: { trunks: [alpha] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad, referTo: ["${WARD}"] }]
`

/** The caller's dialog. */
interface Up {
  readonly invite: string
  readonly answer: SipResponse
}

/** Somebody who is rung over alpha: the INVITE that they got. */
interface Person {
  readonly invite: SipRequest
  readonly tag: string
}

for (const through of ['its agent', 'a router'] as const) {
  describe(`a person, to whom a caller was put through by ${through}, who hands them on by REFER`, function () {
    this.timeout(40_000)
    let centre: CallCentre
    let router: ScriptedRouter
    let caller: Peer
    let desk: Peer
    let rtp: { readonly caller: RawPeer; readonly first: RawPeer; readonly second: RawPeer }
    let ports: number
    /** Whether the persons' phones answer NOTIFYs. */
    let answersNotify: boolean
    let seq: number

    async function start(accepts = true): Promise<void> {
      desk = await Peer.open('127.0.0.1:9')
      router = new ScriptedRouter()
      centre = await callCentre({
        config: config(desk, accepts),
        locator: AS_WRITTEN,
        talker: new URL('./transfer-talker.js', import.meta.url),
        ...(through === 'a router' && { router }),
      })
      caller = await Peer.open(centre.address)
      rtp = { caller: await RawPeer.open(), first: await RawPeer.open(), second: await RawPeer.open() }
      ports = centre.freePorts()
      ;[answersNotify, seq] = [true, 10]
      desk.onRequest = (request) => {
        if (request.method === 'BYE' || (request.method === 'NOTIFY' && answersNotify))
          desk.send(desk.response(request, 200, 'OK'), centre.address)
      }
      caller.onRequest = (request) => {
        if (request.method === 'BYE') caller.send(caller.response(request, 200, 'OK'))
      }
    }

    afterEach(async () => {
      await until('all ports given back', () => centre.freePorts() === ports)
      for (const peer of [caller, desk]) peer.close()
      await Promise.all([rtp.caller.close(), rtp.first.close(), rtp.second.close()])
      await centre.close()
    })

    const until = (what: string, holds: () => boolean) => untilSo(async () => holds(), what, 15_000)
    const callIdOf = ({ invite }: Up): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''
    const ended = (up: Up) => centre.ended(callIdOf(up))
    const outcomes = () =>
      centre.events.flatMap(({ event, via, by, outcome }) =>
        event === 'call.transfer' ? [[via, by, outcome].join(' ')] : [],
      )
    const requests = (method: string) =>
      desk.received.filter((message): message is SipRequest => message.kind === 'request' && message.method === method)
    const byes = ({ invite }: Person) => requests('BYE').filter(({ callId }) => callId === invite.callId)
    const fragments = ({ invite }: Person) =>
      requests('NOTIFY')
        .filter(({ callId }) => callId === invite.callId)
        .map((notify) => `${notify.body.toString().trim()}, ${notify.header('Subscription-State') ?? ''}`)
    const TRYING = 'SIP/2.0 100 Trying, active;expires=300'
    const RINGING = 'SIP/2.0 180 Ringing, active;expires=300'
    const OK = 'SIP/2.0 200 OK, terminated;reason=noresource'

    /** The next INVITE over alpha. */
    async function rung(count: number): Promise<Person> {
      await until(`INVITE ${count}`, () => requests('INVITE').length >= count)
      const invite = requests('INVITE')[count - 1] ?? assert.fail('no INVITE')
      return { invite, tag: `person-${count}` }
    }

    const say = ({ invite, tag }: Person, status: number, body = ''): void =>
      desk.send(desk.response(invite, status, 'Whatever', tag, '', body), centre.address)

    async function answer(person: Person, at: RawPeer): Promise<void> {
      say(person, 180)
      say(person, 200, at.offer())
      await until('the ACK', () => requests('ACK').some(({ callId }) => callId === person.invite.callId))
    }

    function ofPerson({ invite, tag }: Person, method: string, headers = ''): void {
      seq += 1
      const who = { From: `${invite.header('To') ?? ''};tag=${tag}`, To: invite.header('From') ?? '' }
      const text = desk.request(method, { ...who, 'Call-ID': invite.callId, CSeq: `${seq} ${method}` })
      desk.send(text.replace(/^(Max-Forwards)/m, `${headers}$1`), centre.address)
    }

    const refer = (person: Person, to: string, more = ''): void =>
      ofPerson(person, 'REFER', `Refer-To: <sip:${to}@elsewhere.example:5099>\r\n${more}`)

    async function call(): Promise<{ readonly up: Up; readonly first: Person }> {
      const invite = caller.request('INVITE', {}, rtp.caller.offer()).replace('sip:bob@', `sip:${NUMBER}@`)
      const before = router.asked.length
      caller.send(invite)
      if (through === 'its agent') {
        const up = { invite, answer: await caller.nextResponse(200, 'INVITE') }
        caller.send(caller.ack(invite, up.answer))
        await until('the agent', () => centre.row(callIdOf(up))?.state === 'active')
        const key = caller.inDialog(invite, up.answer, 'INFO', 10, 'Signal=1\r\nDuration=100\r\n')
        caller.send(key.replace('application/sdp', 'application/dtmf-relay'))
        const first = await rung(1)
        await answer(first, rtp.first)
        await until('both on the line', () => outcomes().includes('leg agent joined'))
        return { up, first }
      }
      await until('the router to be asked', () => router.asked.length > before)
      router.say({ ok: true, value: { dial: [{ number: DESK, group: 'us' }] } satisfies RouterDial })
      const first = await rung(1)
      await answer(first, rtp.first)
      const up = { invite, answer: await caller.nextResponse(200, 'INVITE') }
      caller.send(caller.ack(invite, up.answer))
      // The 200 is on the wire before the call is up here, and a REFER that comes between gets 491.
      await until('the call', () => centre.row(callIdOf(up))?.state === 'active')
      return { up, first }
    }

    /** Says a byte until the other one hears it. */
    async function hears(from: RawPeer, port: number, byte: number, to: RawPeer): Promise<void> {
      const frame = new Uint8Array(160).fill(byte)
      const hearing = to.receive((_header, payload) => payload.length === 160 && payload.every((each) => each === byte))
      const talking = setInterval(() => from.send(port, frame), 20)
      try {
        await hearing
      } finally {
        clearInterval(talking)
      }
    }

    async function talk(up: Up, person: Person, at: RawPeer, byte: number): Promise<void> {
      await hears(rtp.caller, audioPort(up.answer.body.toString()), byte, at)
      await hears(at, audioPort(person.invite.body.toString()), byte + 1, rtp.caller)
    }

    async function hangUp(up: Up): Promise<void> {
      caller.send(caller.inDialog(up.invite, up.answer, 'BYE', 90))
      await caller.nextResponse(200, 'BYE')
    }

    it('stays until the other one is on the line, is told of everything, and is hung up then', async () => {
      await start()
      const { up, first } = await call()
      assert.match(first.invite.header('Allow') ?? '', /\bREFER\b/)
      refer(first, WARD)
      const accepted = await desk.nextResponse(202, 'REFER')
      assert.match(accepted.header('Contact') ?? '', /<sip:/)
      const second = await rung(2)
      assert.match(second.invite.startLine, new RegExp(`^INVITE sip:${WARD}@${desk.address} `))
      // What a loop of transfers ends by.
      assert.equal(second.invite.header('Max-Forwards'), '69')
      say(second, 180)
      await until('the ringing', () => fragments(first).length === 2)
      await talk(up, first, rtp.first, 0x41)
      await answer(second, rtp.second)
      await until('the BYE', () => byes(first).length === 1)
      assert.deepEqual(fragments(first), [TRYING, RINGING, OK])
      assert.equal(requests('NOTIFY')[0]?.header('Event'), 'refer')
      await talk(up, second, rtp.second, 0x43)
      assert.match(byes(first)[0]?.header('Reason') ?? '', /Call transferred/)
      await hangUp(up)
      await until('their BYE', () => byes(second).length === 1)
      const { end } = await ended(up)
      assert.equal(end?.by, 'caller')
      assert.deepEqual(
        outcomes().filter((outcome) => outcome.startsWith('leg callee')),
        ['leg callee begun', 'leg callee joined', 'leg callee ended'],
      )
      assert.equal(byes(first).length, 1)
    })

    it('need not wait: the caller hears a soft sound until the other one answers, who may hand them on in turn', async () => {
      await start()
      const { up, first } = await call()
      refer(first, WARD)
      const second = await rung(2)
      ofPerson(first, 'BYE')
      await rtp.caller.receive((_header, payload) => payload.length === 160 && payload.some((byte) => byte !== 0xff))
      await answer(second, rtp.second)
      await talk(up, second, rtp.second, 0x45)
      refer(second, NIGHT)
      const third = await rung(3)
      await answer(third, rtp.first)
      await until('the BYE', () => byes(second).length === 1)
      await talk(up, third, rtp.first, 0x47)
      ofPerson(third, 'BYE')
      assert.equal((await ended(up)).end?.by, 'callee')
      assert.equal(byes(first).length + byes(third).length, 0)
    })

    it('talks on to the caller where the other one is busy, and may try again by a REFER that has a name', async () => {
      await start()
      const { up, first } = await call()
      refer(first, WARD)
      say(await rung(2), 486)
      await until('the word', () => fragments(first).length === 2)
      assert.deepEqual(fragments(first)[1], 'SIP/2.0 486 Busy Here, terminated;reason=noresource')
      await talk(up, first, rtp.first, 0x49)
      refer(first, NIGHT)
      const named = seq
      const third = await rung(3)
      refer(first, WARD)
      await desk.nextResponse(491, 'REFER')
      await answer(third, rtp.second)
      await until('the BYE', () => byes(first).length === 1)
      assert.equal(requests('NOTIFY').at(-1)?.header('Event'), `refer;id=${named}`)
      await hangUp(up)
      await ended(up)
    })

    it('leaves the caller alone where they hang up, and the other one is busy', async () => {
      await start()
      const { up, first } = await call()
      refer(first, WARD)
      const second = await rung(2)
      ofPerson(first, 'BYE')
      await desk.nextResponse(200, 'BYE')
      say(second, 486)
      if (through === 'its agent') {
        await until('the agent', () => centre.turns.some(({ text }) => text.startsWith('left')))
        await hears(rtp.caller, audioPort(up.answer.body.toString()), 0x4b, rtp.caller)
        await hangUp(up)
      }
      assert.deepEqual((await ended(up)).end?.by, through === 'its agent' ? 'caller' : 'callee')
      assert.ok(outcomes().includes('leg callee returned'))
    })

    it('is hung up with everybody else where the caller hangs up, whatever rings or answers', async () => {
      await start()
      const { up, first } = await call()
      refer(first, WARD)
      const second = await rung(2)
      say(second, 180)
      await until('the ringing', () => fragments(first).length === 2)
      await hangUp(up)
      await until('the CANCEL', () => requests('CANCEL').length === 1)
      const cancel = requests('CANCEL')[0] ?? assert.fail('no CANCEL')
      desk.send(desk.response(cancel, 200, 'OK', second.tag), centre.address)
      say(second, 200, rtp.second.offer())
      await until('both BYEs', () => byes(first).length === 1 && byes(second).length === 1)
      assert.equal((await ended(up)).end?.by, 'caller')
    })

    it('wants no word of it, or does not answer what it is told: the caller is handed on all the same', async () => {
      await start()
      answersNotify = false
      const { up, first } = await call()
      refer(first, WARD, 'Refer-Sub: false\r\nRequire: norefersub\r\n')
      assert.equal((await desk.nextResponse(202, 'REFER')).header('Refer-Sub'), 'false')
      const second = await rung(2)
      await answer(second, rtp.second)
      await until('the BYE', () => byes(first).length === 1)
      assert.equal(requests('NOTIFY').length, 0)
      refer(second, NIGHT)
      await answer(await rung(3), rtp.first)
      await until('their BYE', () => byes(second).length === 1)
      await talk(up, { invite: requests('INVITE')[2] ?? assert.fail(), tag: '' }, rtp.first, 0x4d)
      await hangUp(up)
      await ended(up)
    })

    it('hands nobody to whom the config does not name, and nothing malformed is dialled', async () => {
      await start()
      const { up, first } = await call()
      for (const [headers, status] of [
        ['Refer-To: <sip:+19005550199@192.0.2.66>\r\n', 603],
        ['Refer-To: <sip:1003@elsewhere.example>\r\n', 603],
        [`Refer-To: <sip:${WARD}@a.example?Replaces=1%40a%3Bto-tag%3D2%3Bfrom-tag%3D3>\r\n`, 603],
        [`Refer-To: <sip:${WARD}@a.example;method=BYE>\r\n`, 603],
        ['', 400],
        [`Refer-To: <sip:${WARD}@a.example>\r\nRefer-To: <sip:${WARD}@a.example>\r\n`, 400],
        [`Refer-To: <sip:${WARD}@a.exam\r\n`, 400],
        [`Refer-To: <sip:${'1'.repeat(3_000)}@a.example>\r\n`, 400],
        [`Refer-To: <sip:${WARD}@a.example>\r\nRequire: multiple-refer\r\n`, 420],
      ] as const) {
        ofPerson(first, 'REFER', headers)
        const response = await desk.next('the answer', (message) =>
          message.kind === 'response' && message.cseq().method === 'REFER' ? message : undefined,
        )
        assert.equal(response.status, status, headers)
      }
      assert.equal(outcomes().filter((outcome) => outcome === 'refer callee refused').length, 2)
      // Also by its compact name.
      ofPerson(first, 'REFER', `r: <sip:${WARD}@a.example>\r\n`)
      say(await rung(2), 480)
      await until('the word', () => fragments(first).length === 2)
      await talk(up, first, rtp.first, 0x4f)
      await hangUp(up)
      await ended(up)
      assert.equal(requests('INVITE').length, 2)
    })

    it('is heard out 32 times', async () => {
      await start()
      const { up, first } = await call()
      for (let i = 0; i < 33; i++) {
        refer(first, '1003')
        const { startLine } = await desk.nextResponse(603, 'REFER')
        assert.match(startLine, i < 32 ? /Decline/ : /Too Many/)
      }
      assert.equal(outcomes().filter((outcome) => outcome === 'refer callee refused').length, 32)
      await hangUp(up)
      await ended(up)
    })

    it('hands nobody to anybody where the trunk does not accept it, as by default', async () => {
      await start(false)
      const { up, first } = await call()
      assert.doesNotMatch(first.invite.header('Allow') ?? '', /REFER/)
      refer(first, WARD)
      await desk.nextResponse(603, 'REFER')
      caller.send(
        caller
          .inDialog(up.invite, up.answer, 'REFER', 60)
          .replace('Max-Forwards', `Refer-To: <sip:${WARD}@a>\r\nMax-Forwards`),
      )
      await caller.nextResponse(405, 'REFER')
      assert.deepEqual(outcomes().slice(-1), ['refer callee refused'])
      await hangUp(up)
      await ended(up)
    })
  })
}
