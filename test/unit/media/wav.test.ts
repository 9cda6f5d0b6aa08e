import assert from 'node:assert/strict'
import fc from 'fast-check'
import { encodeG711 } from '../../../lib/media/g711.ts'
import { resample } from '../../../lib/media/resample.ts'
import { formatWavHeader, parseWav, WAV_HEADER_BYTES } from '../../../lib/media/wav.ts'

interface Format {
  readonly tag: number
  readonly bits: number
  readonly rateHz?: number
  readonly channels?: number
}

function wav({ tag, bits, rateHz = 8000, channels = 1 }: Format, data: Buffer): Buffer {
  const header = formatWavHeader(data.length)
  header.writeUInt16LE(tag, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(rateHz, 24)
  header.writeUInt16LE(bits, 34)
  return Buffer.concat([header, data])
}

const pcm16 = (...samples: number[]): Buffer => Buffer.from(Int16Array.from(samples).buffer)

function samplesOf(file: Buffer): number[] {
  const parsed = parseWav(file)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
  return [...parsed.value]
}

const sine = (hz: number, rateHz: number, count: number): Int16Array =>
  Int16Array.from({ length: count }, (_, i) => 10_000 * Math.sin((2 * Math.PI * hz * i) / rateHz))

const rms = (samples: Int16Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)

describe('WAV files', () => {
  it('are read as 16-bit PCM, sample by sample', () => {
    assert.deepEqual(samplesOf(wav({ tag: 1, bits: 16 }, pcm16(0, 1, -32_768, 32_767))), [0, 1, -32_768, 32_767])
  })

  it('are read as 8-bit PCM, µ-law and A-law', () => {
    assert.deepEqual(samplesOf(wav({ tag: 1, bits: 8 }, Buffer.of(0, 128, 255))), [-32_768, 0, 32_512])
    const loud = Int16Array.of(1000, -1000)
    assert.deepEqual(samplesOf(wav({ tag: 7, bits: 8 }, Buffer.from(encodeG711(loud, 'PCMU')))), [988, -988])
    assert.deepEqual(samplesOf(wav({ tag: 6, bits: 8 }, Buffer.from(encodeG711(loud, 'PCMA')))), [1008, -1008])
  })

  it('are mixed down to mono', () => {
    assert.deepEqual(samplesOf(wav({ tag: 1, bits: 16, channels: 2 }, pcm16(100, 300, -50, 50))), [200, 0])
  })

  it('are read past chunks of other kinds, and as far as a cut-off file goes', () => {
    const file = wav({ tag: 1, bits: 16 }, pcm16(1, 2, 3))
    const list = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1')
    assert.deepEqual(samplesOf(Buffer.concat([file.subarray(0, 36), list, file.subarray(36)])), [1, 2, 3])
    assert.deepEqual(samplesOf(file.subarray(0, -2)), [1, 2])
  })

  const refused: readonly [string, Buffer, string][] = [
    ['that are something else', Buffer.from('OggS and so on, long enough'), 'wav-malformed'],
    ['that are empty', Buffer.alloc(0), 'wav-malformed'],
    ['without data', formatWavHeader(0).subarray(0, 36), 'wav-malformed'],
    ['of float samples', wav({ tag: 3, bits: 32 }, Buffer.alloc(8)), 'wav-unsupported'],
    ['below 8000 Hz', wav({ tag: 1, bits: 16, rateHz: 4000 }, Buffer.alloc(8)), 'wav-unsupported'],
    ['of no channel', wav({ tag: 1, bits: 16, channels: 0 }, Buffer.alloc(8)), 'wav-unsupported'],
  ]
  for (const [why, file, code] of refused) {
    it(`are refused ${why}`, () => {
      const parsed = parseWav(file)
      assert.equal(parsed.ok ? 'read' : parsed.error.code, code)
    })
  }

  it('never make the reader throw, whatever the bytes', () => {
    const file = wav({ tag: 1, bits: 16 }, pcm16(1, 2, 3, 4))
    fc.assert(
      fc.property(fc.nat(WAV_HEADER_BYTES - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const bent = Buffer.from(file)
        bent[at] = value
        void parseWav(bent)
      }),
    )
  })

  it('keep tones of the telephone band and lose what would fold back into it, from 16, 44.1 and 48 kHz', () => {
    for (const rateHz of [16_000, 44_100, 48_000]) {
      const kept = resample(sine(1000, rateHz, rateHz / 5), rateHz, 8000)
      assert.equal(kept.length, Math.ceil(rateHz / 5 / (rateHz / 8000)))
      const want = sine(1000, 8000, kept.length)
      assert.ok(kept.subarray(100, -100).every((sample, i) => Math.abs(sample - (want[i + 100] ?? 0)) < 60))
      const lost = resample(sine(5500, rateHz, rateHz / 5), rateHz, 8000)
      assert.ok(rms(lost.subarray(100, -100)) < 30)
    }
  })
})
