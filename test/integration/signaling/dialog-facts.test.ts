import assert from 'node:assert/strict'
import type Srf from 'drachtio-srf'
import { DialogFacts } from '../../../app/signaling/dialog-facts.ts'

type Headers = Readonly<Record<string, string>>

const message = (headers: Headers, protocol = 'udp') => ({ protocol, get: (name: string) => headers[name] })

const INVITE: Headers = {
  From: '"Alice, of Acme" <sip:alice@192.0.2.1>;tag=a',
  To: 'sip:bob@192.0.2.2',
  CSeq: '4711 INVITE',
  Contact: '<sip:alice@192.0.2.1:5070>',
  'Record-Route': '<sip:192.0.2.9;lr>,<sip:192.0.2.8;lr>',
}
const OK: Headers = {
  To: '<sip:bob@192.0.2.2>;tag=b',
  Contact: '<sip:bob@192.0.2.2>;expires=30',
  'Record-Route': '<sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>',
}
const TAGS = { callId: 'c', localTag: 'b', remoteTag: 'a' }

/** As much of a dialog of drachtio-srf as is asked for here. */
function dialog(bare: object): Srf.Dialog {
  const isDialog = (value: unknown): value is Srf.Dialog => value === bare
  assert.ok(isDialog(bare))
  return bare
}

const asUas = (headers: Headers = {}, protocol?: string): DialogFacts =>
  DialogFacts.of(
    dialog({ type: 'uas', sip: TAGS, req: message({ ...INVITE, ...headers }, protocol), res: message({}) }),
  )

describe('What another server needs of a dialog', () => {
  it('is read off the INVITE that came', () => {
    assert.deepEqual(asUas().state, {
      role: 'uas',
      callId: 'c',
      localTag: 'b',
      remoteTag: 'a',
      local: 'sip:bob@192.0.2.2;tag=b',
      remote: '"Alice, of Acme" <sip:alice@192.0.2.1>;tag=a',
      remoteTarget: 'sip:alice@192.0.2.1:5070',
      routeSet: ['<sip:192.0.2.9;lr>', '<sip:192.0.2.8;lr>'],
      localSeq: 0,
      remoteSeq: 4711,
    })
  })

  it('is read off our INVITE and its answer', () => {
    const sip = { callId: 'c', localTag: 'a', remoteTag: 'b' }
    const { state } = DialogFacts.of(dialog({ type: 'uac', sip, req: message(INVITE), res: message(OK) }))
    assert.equal(state?.local, INVITE['From'])
    assert.equal(state?.remote, OK['To'])
    assert.equal(state?.remoteTarget, 'sip:bob@192.0.2.2')
    assert.deepEqual(state?.routeSet, ['<sip:192.0.2.8;lr>', '<sip:192.0.2.9;lr>'])
    assert.equal(state?.localSeq, 4711)
    assert.equal(state?.remoteSeq, null)
  })

  for (const [why, contact, protocol, target] of [
    ['over UDP', 'sip:x@192.0.2.1', 'udp', 'sip:x@192.0.2.1'],
    ['over TCP', 'sip:x@192.0.2.1', 'tcp', 'sip:x@192.0.2.1;transport=tcp'],
    ['over TLS', 'sip:x@192.0.2.1', 'tls', 'sip:x@192.0.2.1;transport=tls'],
    ['over TCP, and says UDP', 'sip:x@192.0.2.1;transport=udp', 'tcp', 'sip:x@192.0.2.1;transport=udp'],
    ['over TLS, by sips', 'sips:x@192.0.2.1', 'tls', 'sips:x@192.0.2.1'],
  ] as const) {
    it(`has a connection of the same kind where the far end came ${why}`, () => {
      assert.equal(asUas({ Contact: `<${contact}>` }, protocol).state?.remoteTarget, target)
    })
  }

  it('is nothing where the messages have something in them that no server would take', () => {
    assert.equal(asUas({ Contact: '' }).state, null)
    assert.equal(asUas({ From: 'nonsense' }).state, null)
    assert.equal(asUas({ 'Record-Route': '<sip:192.0.2.9;lr>,'.repeat(40) }).state, null)
    assert.equal(DialogFacts.of(dialog({ type: 'uas', sip: TAGS, req: null, res: null })).state, null)
  })
})
