import { err, ok, type Result } from '../core/result.ts'
import { ALAW_TO_LINEAR, MULAW_TO_LINEAR } from './g711.ts'
import { resample } from './resample.ts'

/** Bytes of the plain header that `formatWavHeader` writes. */
export const WAV_HEADER_BYTES = 44

/** `wFormatTag` of the formats that are read (RFC 2361). */
const PCM = 1
const ALAW = 6
const MULAW = 7
const EXTENSIBLE = 0xfffe

const MIN_RATE_HZ = 8000
const MAX_RATE_HZ = 192_000
const MAX_CHANNELS = 8

/** Why a file cannot be played. */
export interface WavRefusal {
  readonly code: 'wav-malformed' | 'wav-unsupported'
  readonly message: string
}

interface WavFormat {
  readonly tag: number
  readonly channels: number
  readonly rateHz: number
  readonly bits: number
}

/**
 * Decodes a RIFF/WAVE file to 16-bit mono at 8000 Hz: PCM of 8 and 16 bits, µ-law and A-law, any rate of 8000 Hz and
 * above, channels mixed down. A data chunk that claims more than the file holds is read as far as it goes.
 */
export function parseWav(file: Buffer): Result<Int16Array, WavRefusal> {
  if (file.length < 12 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') {
    return malformed(`no RIFF/WAVE header in the first 12 of ${file.length} bytes`)
  }
  let format: WavFormat | null = null
  let at = 12
  while (at + 8 <= file.length) {
    const id = file.toString('latin1', at, at + 4)
    const length = file.readUInt32LE(at + 4)
    const body = file.subarray(at + 8, at + 8 + length)
    if (id === 'fmt ') {
      const parsed = parseFormat(body)
      if (!parsed.ok) return parsed
      format = parsed.value
    } else if (id === 'data') {
      if (format === null) return malformed('the data chunk comes before the fmt chunk')
      return ok(resample(decode(body, format), format.rateHz, MIN_RATE_HZ))
    }
    at += 8 + length + (length % 2)
  }
  return malformed(`no ${format === null ? 'fmt' : 'data'} chunk`)
}

/** The header of a file of `dataBytes` bytes of 16-bit PCM. */
export function formatWavHeader(dataBytes: number, rateHz = MIN_RATE_HZ, channels = 1): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(WAV_HEADER_BYTES - 8 + dataBytes, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(PCM, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(rateHz, 24)
  header.writeUInt32LE(rateHz * channels * 2, 28)
  header.writeUInt16LE(channels * 2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(dataBytes, 40)
  return header
}

function parseFormat(body: Buffer): Result<WavFormat, WavRefusal> {
  if (body.length < 16) return malformed(`fmt chunk too short: ${body.length} < 16`)
  const outer = body.readUInt16LE(0)
  // WAVE_FORMAT_EXTENSIBLE carries the real tag in the first two bytes of its GUID.
  const tag = outer === EXTENSIBLE && body.length >= 26 ? body.readUInt16LE(24) : outer
  const format = { tag, channels: body.readUInt16LE(2), rateHz: body.readUInt32LE(4), bits: body.readUInt16LE(14) }
  const known = (tag === PCM && (format.bits === 8 || format.bits === 16)) || tag === ALAW || tag === MULAW
  if (!known) return unsupported(`format ${tag} with ${format.bits} bits; 8 or 16 bit PCM, A-law or µ-law is expected`)
  if (format.rateHz < MIN_RATE_HZ || format.rateHz > MAX_RATE_HZ) {
    return unsupported(`${format.rateHz} Hz; ${MIN_RATE_HZ} to ${MAX_RATE_HZ} is expected`)
  }
  if (format.channels < 1 || format.channels > MAX_CHANNELS) {
    return unsupported(`${format.channels} channels; 1 to ${MAX_CHANNELS} are expected`)
  }
  return ok(format)
}

function decode(body: Buffer, format: WavFormat): Int16Array {
  const { channels } = format
  const sampleBytes = format.tag === PCM && format.bits === 16 ? 2 : 1
  const sampleAt = sampleReader(body, format)
  const samples = new Int16Array(Math.floor(body.length / (sampleBytes * channels)))
  for (let i = 0; i < samples.length; i++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += sampleAt((i * channels + channel) * sampleBytes)
    samples[i] = Math.round(sum / channels)
  }
  return samples
}

function sampleReader(body: Buffer, format: WavFormat): (at: number) => number {
  if (format.tag === MULAW) return (at) => MULAW_TO_LINEAR[body.readUInt8(at)] ?? 0
  if (format.tag === ALAW) return (at) => ALAW_TO_LINEAR[body.readUInt8(at)] ?? 0
  if (format.bits === 16) return (at) => body.readInt16LE(at)
  return (at) => (body.readUInt8(at) - 128) * 256
}

const malformed = (message: string): Result<never, WavRefusal> => err({ code: 'wav-malformed', message })
const unsupported = (message: string): Result<never, WavRefusal> => err({ code: 'wav-unsupported', message })
