import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Speech } from '../../../app/agent/local/speech.ts'
import { VoiceActivity } from '../../../app/agent/local/voice-activity.ts'
import { encode } from '../../../lib/agent/local/audio-format.ts'
import { CallerAudio } from '../../../lib/agent/local/caller-audio.ts'
import type { AudioFormat } from '../../../lib/agent/local/session-config.ts'
import { type TurnEvent, turnSettings } from '../../../lib/agent/local/turn-detection.ts'
import { decodeG711, encodeG711 } from '../../../lib/media/g711.ts'

const GREETING = ['Hello, this is the clinic.', 'How can I help?']
const FORMATS: readonly AudioFormat[] = [
  { type: 'audio/pcmu' },
  { type: 'audio/pcma' },
  { type: 'audio/pcm', rate: 24_000 },
]

/** Noise of a level, the same in every run. */
function noise(ms: number, dbov: number): Int16Array {
  let seed = 12_345
  const peak = 32_768 * 10 ** (dbov / 20) * Math.sqrt(3)
  return Int16Array.from({ length: ms * 8 }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return (seed / 0x3fffffff - 1) * peak
  })
}

/** A line as the caller's phone sends it: everything lies over a quiet hiss. */
function line(...parts: readonly Int16Array[]): Int16Array {
  const samples = Int16Array.from(parts.flatMap((part) => [...part]))
  return samples.map((sample, i) => sample + (hiss[i % hiss.length] ?? 0))
}

const hiss = noise(1_000, -60)
const quiet = (ms: number): Int16Array => new Int16Array(ms * 8)

describe('voice of the local agent', () => {
  let speech: Speech
  let greeting: Int16Array

  before(async () => {
    speech = new Speech()
    greeting = (await speech.say(GREETING)) ?? new Int16Array()
  })
  after(() => speech.close())

  it('speaks a sentence once and remembers it', async () => {
    const fromMs = performance.now()
    assert.deepEqual(await speech.say(GREETING), greeting)
    assert.ok(greeting.length > 2 * 8_000)
    assert.ok(performance.now() - fromMs < 10)
  })

  it('stays silent at what cannot be pronounced, and speaks on', async () => {
    assert.equal((await speech.say(['✆ 漢字']))?.length, 0)
    assert.ok(((await speech.say(['Café “Zoë” — open; <b>--help</b>']))?.length ?? 0) > 8_000)
    assert.ok(((await speech.say([`-o ${'very '.repeat(50)}long`]))?.length ?? 0) > 8_000)
  })

  it('is understood after G.711: pocketsphinx finds at least three words', async function () {
    if (!hasPocketsphinx()) this.skip()
    this.timeout(60_000)
    const folder = await mkdtemp(join(tmpdir(), 'tandem-voice-'))
    const file = join(folder, 'greeting.wav')
    const heard = new Int16Array(greeting.length)
    decodeG711(encodeG711(greeting, 'PCMU'), 'PCMU', heard)
    await writeFile(file, wav16k(heard))
    const { stdout } = await promisify(execFile)('pocketsphinx_continuous', ['-infile', file, '-logfn', '/dev/null'])
    await rm(folder, { recursive: true })
    const words = new Set(stdout.split(/\s+/))
    const found = ['hello', 'this', 'is', 'the', 'clinic', 'how', 'can', 'i', 'help'].filter((word) => words.has(word))
    assert.ok(found.length >= 3, `understood: ${stdout.trim()}`)
  })

  for (const format of FORMATS) {
    it(`finds one turn in ${format.type}, where the voice is, and none in noise and silence`, async () => {
      const voices = await VoiceActivity.load()
      const detector = voices.detector()
      const audio = new CallerAudio(format, detector.isVoice)
      const turns: TurnEvent[] = []
      const settings = turnSettings({
        type: 'server_vad',
        threshold: 0.5,
        prefix_padding_ms: 300,
        silence_duration_ms: 500,
        create_response: true,
        interrupt_response: true,
        idle_timeout_ms: null,
      })
      const sound = line(quiet(2_000), noise(1_000, -48), quiet(1_000), greeting, quiet(2_000))
      const bytes = encode(sound, format)
      // Cut where no sample ends.
      for (let at = 0; at < bytes.length; at += 1_001) {
        audio.append(bytes.subarray(at, at + 1_001), settings, (turn) => turns.push(turn))
      }
      const [started, stopped, ...more] = turns
      assert.deepEqual(more, [])
      assert.ok(
        started?.kind === 'started' && Math.abs(started.audioStartMs + 300 - 4_000) < 400,
        JSON.stringify(started),
      )
      const voiceEndMs = 4_000 + greeting.length / 8
      assert.ok(
        stopped?.kind === 'stopped' && Math.abs(stopped.audioEndMs - 500 - voiceEndMs) < 500,
        JSON.stringify(stopped),
      )
      detector.free()
      detector.free()
      assert.equal(voices.live, 0)
    })
  }
})

function hasPocketsphinx(): boolean {
  try {
    execFileSync('which', ['pocketsphinx_continuous'])
    return true
  } catch {
    // Not installed: the test that needs it is skipped, and shown as such.
    return false
  }
}

/** 8 kHz samples as a WAV file of 16 kHz, which is what pocketsphinx listens to; linear interpolation is enough. */
function wav16k(samples: Int16Array): Buffer {
  const data = Buffer.alloc(samples.length * 4)
  samples.forEach((sample, i) => {
    data.writeInt16LE(sample, i * 4)
    data.writeInt16LE(Math.round((sample + (samples[i + 1] ?? sample)) / 2), i * 4 + 2)
  })
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + data.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(16_000, 24)
  head.writeUInt32LE(32_000, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(data.length, 40)
  return Buffer.concat([head, data])
}
