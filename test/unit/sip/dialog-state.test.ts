import assert from 'node:assert/strict'
import fc from 'fast-check'
import { composeInDialog } from '../../../lib/sip/compose.ts'
import {
  CSEQ_SKIP,
  type DialogState,
  dialogOfState,
  formatDialogState,
  MAX_DIALOG_STATE_CHARS,
  parseDialogState,
  readDialogState,
} from '../../../lib/sip/dialog-state.ts'
import type { Draft } from '../../../lib/sip/draft.ts'
import { tagOf } from '../../../lib/sip/name-addr.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'

const STATE: DialogState = {
  role: 'uas',
  callId: 'a84b4c76e66710@192.0.2.1',
  localTag: '314159',
  remoteTag: '1928301774',
  local: '<sip:+12025550100@192.0.2.2>;tag=314159',
  remote: '"Alice | Co" <sip:alice@192.0.2.1>;tag=1928301774',
  remoteTarget: 'sip:alice@192.0.2.1:5070;transport=tcp',
  routeSet: ['<sip:192.0.2.9;lr>', '<sip:192.0.2.10:5062;lr>'],
  localSeq: 7,
  remoteSeq: 4711,
}

describe("A dialog's state on its way to another server", () => {
  it('comes out as it went in', () => {
    assert.deepEqual(parseDialogState(formatDialogState(STATE)), { ok: true, value: STATE })
  })

  it('goes on beyond every CSeq that the server before may have used', () => {
    const dialog = dialogOfState(STATE)
    assert.equal(dialog.localSeq, 7 + CSEQ_SKIP)
    assert.equal(dialog.state, 'confirmed')
    assert.equal(dialogOfState({ ...STATE, remoteSeq: null }).remoteSeq, undefined)
  })

  it('may be that of a peer that has no tag (RFC 2543)', () => {
    const tagless = { ...STATE, remoteTag: '', remote: '<sip:alice@192.0.2.1>' }
    assert.equal(parseDialogState(JSON.stringify(tagless)).ok, true)
  })

  const wrong: readonly (readonly [why: string, change: object, said: RegExp])[] = [
    ['a role that there is not', { role: 'proxy' }, /^role/],
    ['no Call-ID', { callId: '' }, /^callId/],
    ['a Call-ID with a line break', { callId: 'a\r\nVia: x' }, /^callId/],
    ['a Call-ID that is too long', { callId: 'a'.repeat(2_049) }, /^callId/],
    ['a tag of ours that is no token', { localTag: 'a;b' }, /^localTag/],
    ['a tag of theirs that is no text', { remoteTag: 7 }, /^remoteTag/],
    ['a From with another tag', { local: '<sip:a@192.0.2.2>;tag=other' }, /^local /],
    ['a To without brackets around much', { remote: 'nonsense' }, /^remote /],
    ['a To with a line break', { remote: '<sip:a@192.0.2.1>;tag=1928301774\r\nRoute: <sip:evil>' }, /^remote /],
    ['a remote target that is no SIP URI', { remoteTarget: 'tel:+12025550100' }, /^remoteTarget/],
    ['a remote target with headers', { remoteTarget: 'sip:a@192.0.2.1?Subject=x', routeSet: [] }, /^no request/],
    ['a strict route with headers', { routeSet: ['<sip:192.0.2.9?Subject=x>'] }, /^no request/],
    ['a remote target without a scheme', { remoteTarget: '192.0.2.1:5060' }, /^remoteTarget/],
    ['a remote target that is two', { remoteTarget: 'sip:a@192.0.2.1>, <sip:b@192.0.2.1' }, /^remoteTarget/],
    ['a remote target over a transport that is not spoken', { remoteTarget: 'sip:a@b;transport=ws' }, /^remoteTarget/],
    ['routes that are no list', { routeSet: '<sip:192.0.2.9;lr>' }, /^routeSet/],
    ['routes without brackets', { routeSet: ['sip:192.0.2.9'] }, /^routeSet/],
    ['too many routes', { routeSet: Array.from({ length: 33 }, () => '<sip:192.0.2.9;lr>') }, /^routeSet/],
    ['a first route that leads nowhere', { routeSet: ['<tel:+12025550100;lr>'] }, /^nothing can be sent/],
    ['a CSeq that is no number', { localSeq: '7' }, /^localSeq/],
    ['a CSeq with no room above it', { localSeq: 2 ** 31 - 50 }, /^localSeq/],
    ['a CSeq of theirs below zero', { remoteSeq: -1 }, /^remoteSeq/],
    ['a CSeq of theirs that is missing', { remoteSeq: undefined }, /^remoteSeq/],
  ]
  for (const [why, change, said] of wrong) {
    it(`is refused for ${why}`, () => {
      const parsed = parseDialogState(JSON.stringify({ ...STATE, ...change }))
      assert.equal(parsed.ok, false)
      if (!parsed.ok) assert.match(parsed.error, said)
    })
  }

  for (const [why, text] of [
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['too much', JSON.stringify({ ...STATE, more: 'x'.repeat(MAX_DIALOG_STATE_CHARS) })],
  ] as const) {
    it(`is refused where there is ${why}`, () => {
      assert.equal(parseDialogState(text).ok, false)
    })
  }

  it('is refused or read, whatever it is, and never throws', () => {
    const mangled = fc.tuple(fc.constantFrom(...Object.keys(STATE)), fc.jsonValue())
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          mangled.map(([key, value]) => JSON.stringify({ ...STATE, [key]: value })),
        ),
        (text) => {
          const parsed = parseDialogState(text)
          if (parsed.ok) assert.doesNotMatch(Object.values(parsed.value).flat().join(' '), /[\r\n]/)
        },
      ),
    )
  })

  it('makes requests that can be read again and are in the dialog, whatever was let in', () => {
    const texts = (letters: string) => fc.string({ unit: fc.constantFrom(...Array.from(letters)), maxLength: 12 })
    const odd = fc.oneof(
      { weight: 4, arbitrary: texts('abcXYZ129.-_') },
      { weight: 1, arbitrary: texts('ab1.-_%!~*+`\'"<>@:;,=?&/\\()[]{}|é☎ \t') },
    )
    const context = {
      local: { protocol: 'udp', host: '192.0.2.2', port: 5060 },
      branch: 'z9hG4bK1',
      seq: 108,
      userAgent: undefined,
    } as const
    const draft: Draft = { start: { kind: 'request', method: '', uri: '' }, headers: [], body: Buffer.alloc(0) }
    let taken = 0
    fc.assert(
      fc.property(odd, odd, odd, odd, odd, (callId, tag, name, user, host) => {
        const parsed = readDialogState({
          ...STATE,
          ...(callId !== '' && { callId }),
          remoteTag: tag,
          remote: `${name}<sip:${user}@192.0.2.1>;tag=${tag}`,
          remoteTarget: `sip:${user}@192.0.2.1`,
          routeSet: [`<sip:${host}192.0.2.9;lr>`],
        })
        if (!parsed.ok) return
        taken += 1
        const composed = composeInDialog(draft, 'BYE', dialogOfState(parsed.value), context)
        assert.ok(composed.ok, composed.ok ? '' : composed.error.message)
        const read = parseMessage(composed.value.serialize())
        assert.ok(read.ok, read.ok ? '' : read.error.message)
        assert.equal(read.value.callId, parsed.value.callId)
        assert.equal(tagOf(read.value.to()) ?? '', parsed.value.remoteTag)
      }),
      { numRuns: 1_000 },
    )
    assert.ok(taken > 30, `${taken} were let in`)
  })
})
