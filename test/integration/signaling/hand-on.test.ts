import assert from 'node:assert/strict'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import { WEEKDAYS } from '../../../lib/outbound/calling-hours.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { until as untilSo } from '../../helpers/until.ts'
import { audioPort, RawPeer } from '../media/media-fixture.ts'
import { Peer } from '../sip-server/peer.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const RECEPTION = '+12025550150'
const WARD = '1002'
const NIGHT = '+12025550152'

/** When nobody may be called now, nor soon. */
const inThreeDays = (): string => WEEKDAYS[(new Date().getUTCDay() + 3) % 7] ?? ''

const config = (phones: Peer): string => `
agents: { keypad: { backend: local, transfers: { night: { to: "${NIGHT}" }, desk: { to: "${RECEPTION}" } } } }
trunks:
  - { id: pbx, sources: [127.0.0.1], acceptRefer: true }
  - { id: alpha, targets: [{ uri: "sip:${phones.address}" }], acceptRefer: true, limits: { channels: 2 } }
groups: { us: { trunks: [alpha] } }
tenants:
  - id: clinic
    group: us
    numbers: ["${NUMBER}"]
    agent: keypad
    referTo: ["${WARD}"]
    callingHours: { zone: UTC, windows: [{ days: [${inThreeDays()}], from: "09:00", to: "10:00" }] }
`

/** A message with more headers; those that name a type of body take the place of SDP's. */
const withHeaders = (text: string, headers: string): string =>
  (headers.includes('Content-Type') ? text.replace(/Content-Type: .*\r\n/, '') : text).replace(
    /^(Max-Forwards)/m,
    `${headers}$1`,
  )

/** Somebody on the phone with an agent: their dialog, from their side. */
interface FarEnd {
  readonly peer: Peer
  readonly callId: string
  /** Sends a request in the dialog. */
  readonly send: (method: string, headers?: string, body?: string) => void
  /** Where the agent hears and speaks. */
  readonly port: number
}

/** Somebody who is rung over alpha. */
interface Person {
  readonly invite: SipRequest
  readonly tag: string
}

for (const begun of ['by us', 'by the far end'] as const) {
  describe(`an agent in a call that was begun ${begun}, whom the far end hands on by REFER`, function () {
    this.timeout(40_000)
    let centre: CallCentre
    let caller: Peer
    let phones: Peer
    let rtp: { readonly first: RawPeer; readonly second: RawPeer }
    let ports: number
    let answersNotify: boolean
    /** Calls that were up. */
    let ups: number
    let seq: number

    beforeEach(async () => {
      phones = await Peer.open('127.0.0.1:9')
      ups = 0
      const nowhere = { changed: () => {}, end: () => {}, leave: () => {} }
      const keep = () => {
        ups += 1
        return nowhere
      }
      centre = await callCentre({
        config: config(phones),
        liveCalls: { keep },
        locator: AS_WRITTEN,
        talker: new URL('./transfer-talker.js', import.meta.url),
      })
      caller = await Peer.open(centre.address)
      rtp = { first: await RawPeer.open(), second: await RawPeer.open() }
      ports = centre.freePorts()
      ;[answersNotify, seq] = [true, 10]
      for (const peer of [caller, phones])
        peer.onRequest = (request) => {
          if (request.method === 'BYE' || (request.method === 'NOTIFY' && answersNotify))
            peer.send(peer.response(request, 200, 'OK'), centre.address)
        }
    })

    afterEach(async () => {
      await until('all ports given back', () => centre.freePorts() === ports && centre.calls.count === 0)
      for (const peer of [caller, phones]) peer.close()
      await Promise.all([rtp.first.close(), rtp.second.close()])
      await centre.close()
    })

    const until = (what: string, holds: () => boolean) => untilSo(async () => holds(), what, 15_000)
    const far = begun === 'by us' ? 'callee' : 'caller'
    const rowOf = ({ callId }: { readonly callId: string }): CallRow =>
      centre.row(callId) ?? assert.fail(`no record of ${callId}`)
    const outcomes = () =>
      centre.events.flatMap(({ event, via, by, outcome }) =>
        event === 'call.transfer' ? [[via, by, outcome].join(' ')] : [],
      )
    const said = () => centre.turns.map(({ text }) => text)
    const requests = (peer: Peer, method: string) =>
      peer.received.filter((message): message is SipRequest => message.kind === 'request' && message.method === method)
    const byes = ({ peer, callId }: Pick<FarEnd, 'peer' | 'callId'>) =>
      requests(peer, 'BYE').filter((bye) => bye.callId === callId)
    const fragments = ({ peer, callId }: FarEnd) =>
      requests(peer, 'NOTIFY')
        .filter((notify) => notify.callId === callId)
        .map(({ body }) => body.toString().trim())

    /** The next INVITE over alpha. */
    async function rung(count: number): Promise<Person> {
      await until(`INVITE ${count}`, () => requests(phones, 'INVITE').length >= count)
      return { invite: requests(phones, 'INVITE')[count - 1] ?? assert.fail('no INVITE'), tag: `person-${count}` }
    }

    const say = ({ invite, tag }: Person, status: number, body = ''): void =>
      phones.send(phones.response(invite, status, 'Whatever', tag, '', body), centre.address)

    async function answer(person: Person, at: RawPeer): Promise<FarEnd> {
      const { invite, tag } = person
      const { callId } = invite
      say(person, 180)
      say(person, 200, at.offer())
      await until('the ACK', () => requests(phones, 'ACK').some((ack) => ack.callId === callId))
      const who = {
        From: `${invite.header('To') ?? ''};tag=${tag}`,
        To: invite.header('From') ?? '',
        'Call-ID': callId,
      }
      const send = (method: string, headers = '', body = ''): void => {
        seq += 1
        phones.send(
          withHeaders(phones.request(method, { ...who, CSeq: `${seq} ${method}` }, body), headers),
          centre.address,
        )
      }
      return { peer: phones, callId, send, port: audioPort(invite.body.toString()) }
    }

    async function callIn(): Promise<FarEnd> {
      const invite = caller.request('INVITE', {}, rtp.first.offer()).replace('sip:bob@', `sip:${NUMBER}@`)
      caller.send(invite)
      const answered: SipResponse = await caller.nextResponse(200, 'INVITE')
      assert.match(answered.header('Allow') ?? '', /\bREFER\b/)
      caller.send(caller.ack(invite, answered))
      const send = (method: string, headers = '', body = ''): void => {
        seq += 1
        caller.send(withHeaders(caller.inDialog(invite, answered, method, seq, body), headers))
      }
      return { peer: caller, callId: answered.callId, send, port: audioPort(answered.body.toString()) }
    }

    async function callOut(): Promise<FarEnd> {
      // At any hour: the callback of a conversation that was cut off.
      const placed = centre.calls.place({ to: RECEPTION, tenant: 'clinic', isCallback: true })
      assert.ok(placed.ok, JSON.stringify(placed))
      return answer(await rung(1), rtp.first)
    }

    /** The agent talks to the far end, and how many were rung for that. */
    async function call(): Promise<{ readonly first: FarEnd; readonly rungBefore: number }> {
      const first = await (begun === 'by us' ? callOut() : callIn())
      // The record is active before the ACK is heard, and a REFER that comes between gets 491.
      await until('the agent', () => ups === 1)
      return { first, rungBefore: begun === 'by us' ? 1 : 0 }
    }

    /** What the agents were told that were opened for calls to which one is handed on. */
    const readied = () =>
      centre.events.flatMap(({ event, backend }) => (event === 'agent.connected' ? [String(backend)] : []))
    const press = ({ send }: FarEnd, key: string): void =>
      send('INFO', 'Content-Type: application/dtmf-relay\r\n', `Signal=${key}\r\nDuration=100\r\n`)

    const refer = ({ send }: FarEnd, to: string, more = ''): void =>
      send('REFER', `Refer-To: <sip:${to}@elsewhere.example:5099>\r\n${more}`)

    /** Says a byte until the agent says it back. */
    async function hearsAgent({ port }: FarEnd, at: RawPeer, byte: number): Promise<void> {
      const frame = new Uint8Array(160).fill(byte)
      const hearing = at.receive((_header, payload) => payload.length === 160 && payload.every((each) => each === byte))
      const talking = setInterval(() => at.send(port, frame), 20)
      try {
        await hearing
      } finally {
        clearInterval(talking)
      }
    }

    async function hangUp(up: FarEnd): Promise<void> {
      up.send('BYE')
      await up.peer.nextResponse(200, 'BYE')
    }

    const ended = (up: { readonly callId: string }): Promise<CallRow> => centre.ended(up.callId)

    it('stays until the other one answers, and goes on with them, knowing what was said', async () => {
      const { first, rungBefore } = await call()
      refer(first, WARD)
      assert.match((await first.peer.nextResponse(202, 'REFER')).header('Contact') ?? '', /<sip:/)
      const person = await rung(rungBefore + 1)
      assert.match(person.invite.startLine, new RegExp(`^INVITE sip:${WARD}@${phones.address} `))
      assert.match(person.invite.header('From') ?? '', new RegExp(NUMBER.slice(1)))
      assert.equal(rowOf(first).state, 'transferring')
      say(person, 180)
      await until('the ringing', () => fragments(first).length === 2)
      await hearsAgent(first, rtp.first, 0x41)
      const second = await answer(person, rtp.second)
      await until('the BYE', () => byes(first).length === 1)
      assert.deepEqual(fragments(first), ['SIP/2.0 100 Trying', 'SIP/2.0 180 Ringing', 'SIP/2.0 200 OK'])
      assert.match(byes(first)[0]?.header('Reason') ?? '', /Call transferred/)
      await hearsAgent(second, rtp.second, 0x43)
      assert.deepEqual(said(), ['handedOn: 1'])
      await until('the end of the first', () => rowOf(first).state === 'ended')
      assert.deepEqual(rowOf(first).end, { by: far, sip: null, cause: 'transferred' })
      const followed = rowOf(second)
      assert.deepEqual(followed.session, { id: rowOf(first).session.id, resumedFrom: rowOf(first).id })
      assert.equal(followed.to, WARD)
      const told = centre.events.filter(({ goesOnAs }) => goesOnAs === followed.id)
      assert.deepEqual(
        told.map(({ call, outcome }) => [call, outcome]),
        [
          [rowOf(first).id, 'begun'],
          [rowOf(first).id, 'joined'],
        ],
      )
      await hangUp(second)
      assert.deepEqual((await ended(second)).end, { by: 'callee', sip: null, cause: 'normal' })
    })

    it('stays with them where the other one is busy, and they may try again', async () => {
      const { first, rungBefore } = await call()
      refer(first, WARD)
      say(await rung(rungBefore + 1), 486)
      await until('the word', () => fragments(first).length === 2)
      assert.equal(fragments(first)[1], 'SIP/2.0 486 Busy Here')
      await hearsAgent(first, rtp.first, 0x45)
      assert.equal(rowOf(first).state, 'active')
      refer(first, NIGHT)
      const person = await rung(rungBefore + 2)
      refer(first, WARD)
      await first.peer.nextResponse(491, 'REFER')
      const second = await answer(person, rtp.second)
      await hearsAgent(second, rtp.second, 0x47)
      await hangUp(second)
      await ended(second)
      assert.deepEqual(outcomes(), [
        ...[`call ${far} begun`, `call ${far} failed`],
        ...[`call ${far} begun`, `refer ${far} refused`, `call ${far} joined`],
      ])
    })

    it('stays with them where no audio can be agreed on with the other one', async () => {
      const { first, rungBefore } = await call()
      refer(first, WARD)
      const person = await rung(rungBefore + 1)
      say(
        person,
        200,
        'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n',
      )
      await until('the BYE', () => byes({ peer: phones, callId: person.invite.callId }).length === 1)
      await until('the word', () => fragments(first).at(-1) === 'SIP/2.0 488 Not Acceptable Here')
      await hearsAgent(first, rtp.first, 0x49)
      await hangUp(first)
      assert.equal((await ended(first)).end?.cause, 'normal')
    })

    it('hands over at once where the far end answers no NOTIFY, and hangs it up a little later', async () => {
      answersNotify = false
      const { first, rungBefore } = await call()
      refer(first, WARD)
      const second = await answer(await rung(rungBefore + 1), rtp.second)
      await hearsAgent(second, rtp.second, 0x4b)
      await until('the BYE', () => byes(first).length === 1)
      await hangUp(second)
      await ended(second)
    })

    it('goes on at once where its server is slow to let it go', async () => {
      const { first, rungBefore } = await call()
      press(first, '7')
      await first.peer.nextResponse(200, 'INFO')
      refer(first, WARD)
      const second = await answer(await rung(rungBefore + 1), rtp.second)
      await until('the agent', () => said().length === 1)
      assert.equal(rowOf(first).state, 'transferring')
      await hearsAgent(second, rtp.second, 0x51)
      await until('the end of the first', () => rowOf(first).state === 'ended')
      await hangUp(second)
      await ended(second)
    })

    it('goes to nobody whom the config does not name', async () => {
      const { first, rungBefore } = await call()
      refer(first, '+19005550199')
      await first.peer.nextResponse(603, 'REFER')
      refer(first, `${WARD}`, 'Require: multiple-refer\r\n')
      await first.peer.nextResponse(420, 'REFER')
      assert.deepEqual(outcomes(), [`refer ${far} refused`])
      await hangUp(first)
      await ended(first)
      assert.equal(requests(phones, 'INVITE').length, rungBefore)
    })

    it('is handed on five times, and not round and round', async () => {
      let { first: current, rungBefore } = await call()
      const both = [rtp.second, rtp.first]
      for (let i = 0; i < 5; i++) {
        refer(current, i % 2 === 0 ? WARD : NIGHT)
        const next = await answer(await rung(++rungBefore), both[i % 2] ?? assert.fail())
        await until('the next one', () => rowOf(next).session.resumedFrom === rowOf(current).id)
        await until('the agent', () => said().length === i + 1)
        await until('the place of the one before', () => centre.calls.count === 1)
        current = next
      }
      refer(current, WARD)
      await current.peer.nextResponse(603, 'REFER')
      await hangUp(current)
      await ended(current)
    })

    for (const who of ['the far end', 'an operator', 'the agent', 'the node'] as const) {
      it(`is with nobody where ${who} ends everything while it rings`, async () => {
        const { first, rungBefore } = await call()
        refer(first, WARD)
        const person = await rung(rungBefore + 1)
        say(person, 180)
        await until('the ringing', () => fragments(first).length === 2)
        const { id } = rowOf(first)
        if (who === 'an operator') centre.calls.obey(id, { kind: 'hangUp' })
        else if (who === 'the agent') press(first, '8')
        else if (who === 'the node') centre.calls.fence(id)
        else await hangUp(first)
        if (who === 'the far end') {
          say(person, 486)
        } else {
          await until('the CANCEL', () => requests(phones, 'CANCEL').length === 1)
          const cancel = requests(phones, 'CANCEL')[0] ?? assert.fail('no CANCEL')
          phones.send(phones.response(cancel, 200, 'OK', person.tag), centre.address)
          // A 200 that crosses the CANCEL is hung up.
          say(person, 200, rtp.second.offer())
          await until('the BYE', () => byes({ peer: phones, callId: person.invite.callId }).length === 1)
        }
        await until('the end', () => centre.calls.count === 0)
        assert.equal(requests(phones, 'INVITE').length, rungBefore + 1)
      })
    }

    it('is not handed on while it hands the far end on, nor the other way round', async () => {
      const { first, rungBefore } = await call()
      press(first, '1')
      const desk = await rung(rungBefore + 1)
      refer(first, WARD)
      await first.peer.nextResponse(491, 'REFER')
      say(desk, 486)
      await until('the refusal', () => said().some((text) => text.startsWith('to-desk: they are busy')))
      refer(first, WARD)
      const person = await rung(rungBefore + 2)
      press(first, '1')
      await until('no transfer', () => said().includes('to-desk: a transfer is under way already'))
      say(person, 603)
      await until('the word', () => fragments(first).at(-1) === 'SIP/2.0 603 Decline')
      await hangUp(first)
      await ended(first)
      assert.equal(requests(phones, 'INVITE').length, rungBefore + 2)
    })

    it('is for nobody to hand on where the far end talks to a person: they stay with each other', async () => {
      const { first, rungBefore } = await call()
      press(first, '1')
      const desk = await answer(await rung(rungBefore + 1), rtp.second)
      await until('both on the line', () => outcomes().includes('leg agent joined'))
      refer(first, WARD)
      const { startLine } = await first.peer.nextResponse(603, 'REFER')
      assert.match(startLine, /Decline/)
      assert.equal(outcomes().at(-1), `refer ${far} refused`)
      assert.equal(requests(phones, 'INVITE').length, rungBefore + 1)
      await hangUp(desk)
      assert.equal((await ended(first)).end?.cause, 'transferred')
    })

    it('is on hold meanwhile, as phones do before they hand somebody on, and still where nothing came of it', async () => {
      const { first, rungBefore } = await call()
      const held = rtp.first.offer().replace(/a=sendrecv\r\n|$/, 'a=sendonly\r\n')
      first.send('INVITE', '', held)
      await until('the hold', () => rowOf(first).state === 'held')
      refer(first, WARD)
      say(await rung(rungBefore + 1), 480)
      await until('the word', () => fragments(first).length === 2)
      assert.equal(rowOf(first).state, 'held')
      refer(first, WARD)
      const second = await answer(await rung(rungBefore + 2), rtp.second)
      await hearsAgent(second, rtp.second, 0x4f)
      await hangUp(second)
      await ended(second)
      assert.equal(rowOf(first).end?.cause, 'transferred')
    })

    it('goes on with the other one where the far end hangs up at once, as many phones do', async () => {
      const { first, rungBefore } = await call()
      refer(first, WARD)
      await until('the agent of the other call', () => readied().length === 1)
      press(first, '9')
      first.send('BYE')
      const person = await rung(rungBefore + 1)
      await until('the end of the first', () => rowOf(first).state === 'ended')
      // It knows of the key before anybody answers.
      await until('its agent with the last of it', () => readied().length === 2)
      assert.deepEqual(rowOf(first).end, { by: far, sip: null, cause: 'transferred' })
      const second = await answer(person, rtp.second)
      await hearsAgent(second, rtp.second, 0x4d)
      assert.deepEqual(said(), ['handedOn: 2'])
      assert.deepEqual(readied(), ['1', '2'])
      assert.deepEqual(rowOf(second).session, { id: rowOf(first).session.id, resumedFrom: rowOf(first).id })
      await hangUp(second)
      await ended(second)
      assert.equal(byes(first).length, 0)
    })
  })
}
