import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import {
  drawnUuid,
  formatSessionId,
  NIL_UUID,
  namedUuid,
  parseSessionId,
  SessionIds,
} from '../../../lib/sip/session-id.ts'

const [A, B] = [drawnUuid('AB30317F-1A78-4dc4-8d22-8d4bbb1c1d1e'), namedUuid('b')]

describe('a Session-ID', () => {
  for (const [why, text, remote] of [
    ['both ends', `${A};remote=${B}`, B],
    ['blanks and parameters that nobody knows', `${A} ; logme ; x="a;b" ; Remote = ${B}`, B],
    ['a far end that is not known yet', `${A};remote=${NIL_UUID}`, NIL_UUID],
    ['no word of the far end (RFC 7329)', A, null],
  ] as const) {
    it(`is read with ${why}`, () => assert.deepEqual(parseSessionId(text), { local: A, remote }))
  }

  for (const [why, text] of [
    ['nothing', ''],
    ['dashes', 'ab30317f-1a78-4dc4-8d22-8d4bbb1c1d1e'],
    ['upper case', A.toUpperCase()],
    ['a digit too few', A.slice(1)],
    ['a digit too many', `${A}0`],
    ['two remotes', `${A};remote=${B};remote=${B}`],
    ['a remote that is none', `${A};remote=everybody`],
    ['a remote without a value', `${A};remote`],
    ['two of them', `${A};remote=${B}, ${B};remote=${A}`],
    ['a semicolon at the end', `${A};`],
    ['a line break', `${A};remote=${B}\r\nVia: x`],
  ] as const) {
    it(`says nothing where it has ${why}`, () => assert.equal(parseSessionId(text), undefined))
  }

  it('is written as it is read', () => {
    const uuid = fc.uuid().map(drawnUuid)
    fc.assert(
      fc.property(uuid, uuid, (local, remote) => {
        assert.deepEqual(parseSessionId(formatSessionId(local, remote)), { local, remote })
      }),
    )
  })

  it('has a UUID of version 5 for a name, always the same, and another one for another name', () => {
    assert.match(namedUuid('01J'), /^[0-9a-f]{12}5[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
    assert.equal(namedUuid('01J'), namedUuid('01J'))
    assert.notEqual(namedUuid('01J'), namedUuid('01J/caller'))
  })

  it('takes a UUID as node:crypto draws it', () => assert.ok(parseSessionId(drawnUuid(randomUUID())) !== undefined))
})

describe('the ends of a dialog', () => {
  it('know nobody before anybody has spoken', () => {
    assert.equal(new SessionIds().header, `${NIL_UUID};remote=${NIL_UUID}`)
    assert.equal(new SessionIds().far, null)
  })

  for (const [why, heard, want] of [
    ['who the far end says it is', [`${B};remote=${NIL_UUID}`], B],
    ['it also of those who know RFC 7329 alone', [B], B],
    ['nobody by an echo of our own', [A], null],
    ['it by our own with a remote, which is no echo', [`${A};remote=${A}`], A],
    ['who is there last: behind a B2BUA others may be put on', [`${A};remote=${A}`, `${B};remote=${A}`], B],
    ['who was there, where a server on the way answers for nobody', [B, `${NIL_UUID};remote=${A}`], B],
    ['who was there, where a message has none', [B, undefined], B],
    ['who was there, where a message has none that can be read', [B, 'x'.repeat(70_000), `${B};`], B],
    ['it whatever we are taken for', [`${B};remote=${'f'.repeat(32)}`], B],
  ] as const) {
    it(`know ${why}`, () => {
      const ids = new SessionIds(() => A)
      for (const header of heard) ids.hear(header)
      assert.equal(ids.far, want)
      assert.equal(ids.header, `${A};remote=${want ?? NIL_UUID}`)
    })
  }

  it('tell of who is at ours from the next message on', () => {
    let ours = A
    const ids = new SessionIds(() => ours)
    ours = B
    assert.equal(ids.header, `${B};remote=${NIL_UUID}`)
    ids.speakFor(() => A)
    assert.equal(ids.header, `${A};remote=${NIL_UUID}`)
  })

  it('write what can be read, whatever is heard', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.uuid().map(drawnUuid)), { maxLength: 5 }), (heard) => {
        const ids = new SessionIds(() => A)
        for (const header of heard) ids.hear(header)
        assert.equal(parseSessionId(ids.header)?.local, A)
      }),
    )
  })
})
