import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeFrames, encodeFrame } from '../../../lib/store/frame.ts'

const lines = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => encodeFrame('event', text)))
const read = (bytes: Buffer): string[] => decodeFrames(bytes).frames.map(({ json }) => json.toString())

describe('a line of the journal', () => {
  it('is length, checksum, kind and JSON, readable by eye', () => {
    assert.equal(encodeFrame('call', '{"sequence":7}').toString(), '00000013 4cc93579 call {"sequence":7}\n')
  })

  it('gives back what was written, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
        const jsons = texts.map((text) => JSON.stringify(text))
        assert.deepEqual(read(lines(...jsons)), jsons)
      }),
    )
  })

  it('is not there before its last byte is, wherever a crash cut it', () => {
    const whole = lines('{"sequence":1}')
    const torn = lines('{"sequence":2,"text":"größer ☎"}')
    for (let cut = 0; cut < torn.length; cut++) {
      const { frames, consumed, damaged } = decodeFrames(Buffer.concat([whole, torn.subarray(0, cut)]))
      assert.deepEqual([frames.length, consumed, damaged], [1, whole.length, 0], `cut after ${cut} bytes`)
    }
  })

  it('is refused when any of its bits has changed, and the lines around it are kept', () => {
    const [before, victim, after] = ['{"sequence":1}', '{"sequence":2}', '{"sequence":3}'].map((json) => lines(json))
    for (let bit = 0; bit < ((victim?.length ?? 0) - 1) * 8; bit++) {
      const hit = Buffer.from(victim ?? '')
      hit[bit >> 3] = (hit[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const { frames, damaged } = decodeFrames(Buffer.concat([before ?? hit, hit, after ?? hit]))
      assert.deepEqual(
        frames.map(({ json }) => json.toString()),
        ['{"sequence":1}', '{"sequence":3}'],
        `bit ${bit}`,
      )
      assert.equal(damaged, hit.length)
    }
  })

  it('does without its newline, which is for eyes', () => {
    const bytes = lines('{"sequence":1}', '{"sequence":2}')
    bytes[bytes.indexOf('\n')] = 0
    assert.deepEqual(read(bytes), ['{"sequence":1}', '{"sequence":2}'])
  })

  it('is found behind any rubbish that ends in a newline', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (rubbish) => {
        const { frames } = decodeFrames(Buffer.concat([rubbish, Buffer.from('\n'), lines('{"sequence":9}')]))
        assert.equal(frames.at(-1)?.json.toString(), '{"sequence":9}')
      }),
    )
  })
})
