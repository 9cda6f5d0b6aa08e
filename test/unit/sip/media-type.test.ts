import assert from 'node:assert/strict'
import { parseMediaType } from '../../../lib/sip/media-type.ts'

describe('a media type', () => {
  it('is read in any case, with blanks and parameters', () => {
    const media = parseMediaType(' Multipart / Mixed ; boundary="a b"; charset=utf-8')
    assert.deepEqual([media?.type, media?.params.get('boundary')], ['multipart/mixed', 'a b'])
    assert.equal(parseMediaType('application/sdp')?.type, 'application/sdp')
    assert.equal(parseMediaType('*/*;q=0.1')?.type, '*/*')
  })

  for (const text of ['', 'application', 'application/', '/sdp', 'application/sdp sdp', 'a/b;;c', 'a/b/c']) {
    it(`is none in "${text}"`, () => assert.equal(parseMediaType(text), undefined))
  }
})
