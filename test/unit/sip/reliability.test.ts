import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { readDraft } from '../../../lib/sip/draft.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { answerPrack, isNextReliable, parseRAck, wantsReliable, withReliability } from '../../../lib/sip/reliability.ts'

const draftOf = (...headers: string[]) => {
  const draft = readDraft(Buffer.from(['SIP/2.0 183 Session Progress', ...headers, '', ''].join('\r\n')))
  assert.ok(draft.ok)
  return draft.value
}

describe('RAck', () => {
  it('names a response by its RSeq and its INVITE', () => {
    assert.deepEqual(parseRAck('776656 1 INVITE'), { rseq: 776656, cseq: { seq: 1, method: 'INVITE' } })
    assert.deepEqual(parseRAck(' 4294967295\t2  INVITE '), { rseq: 4294967295, cseq: { seq: 2, method: 'INVITE' } })
  })

  it('may say the method twice, as peers do that copy the CSeq of the response', () => {
    assert.deepEqual(parseRAck('7 1 INVITE INVITE'), { rseq: 7, cseq: { seq: 1, method: 'INVITE' } })
  })

  for (const [why, text] of [
    ['nothing', ''],
    ['two methods', '7 1 INVITE BYE'],
    ['more after the method', '7 1 INVITE 2'],
    ['no method', '1 2'],
    ['a number beyond 2^32', '4294967296 1 INVITE'],
    ['a CSeq beyond 2^31', '1 2147483648 INVITE'],
    ['words', 'one two INVITE'],
  ] as const) {
    it(`is refused with ${why}`, () => assert.equal(parseRAck(text), undefined))
  }

  it('is read or refused, whatever it is', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRAck(text)))
  })
})

describe('a PRACK that the server answers', () => {
  const audio = 'v=0\r\nm=audio 4000 RTP/AVP 0\r\n'
  const video = `${audio}m=video 4002 RTP/AVP 99\r\n`
  const prack = (body: string) => {
    const head = [
      'PRACK sip:b@h SIP/2.0',
      'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
      'From: <sip:a@h>;tag=a',
      'To: <sip:b@h>;tag=b',
    ]
    const lines = [...head, 'Call-ID: c', 'CSeq: 2 PRACK', '', body]
    const parsed = parseMessage(Buffer.from(lines.join('\r\n')))
    assert.ok(parsed.ok && parsed.value.kind === 'request')
    return parsed.value
  }
  for (const [why, offer, session, status, answer] of [
    ['200 where it has no offer', '', audio, 200, ''],
    ['200 and the session as it stands where that fits the offer', audio, audio, 200, audio],
    ['488 where the offer has another number of streams', video, audio, 488, ''],
    ['488 where there is no session yet', audio, '', 488, ''],
  ] as const) {
    it(`is told ${why}`, () => {
      const said = answerPrack(prack(offer), Buffer.from(session))
      assert.deepEqual([said.status, said.body.toString()], [status, answer])
    })
  }
})

describe('a reliable provisional response', () => {
  it('is asked for by a Require among others, and keeps those', () => {
    assert.equal(wantsReliable(draftOf('Require: precondition, 100Rel')), true)
    assert.equal(wantsReliable(draftOf('Supported: 100rel')), false)
    const { headers } = withReliability(draftOf('require: precondition', 'X-A: 1'), 7)
    assert.deepEqual(
      headers.map(({ name, value }) => `${name}: ${value}`),
      ['X-A: 1', 'Require: precondition, 100rel', 'RSeq: 7'],
    )
  })

  it('is new to its caller as the first or the next, and neither again nor early', () => {
    assert.deepEqual(
      [isNextReliable(undefined, 9), isNextReliable(9, 10), isNextReliable(9, 9), isNextReliable(9, 11)],
      [true, true, false, false],
    )
  })
})
