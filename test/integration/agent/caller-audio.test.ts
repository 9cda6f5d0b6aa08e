import assert from 'node:assert/strict'
import { CallerAudio, MAX_BUFFERED_BYTES, MAX_HELD_BATCHES } from '../../../app/agent/caller-audio.ts'
import { newAgentMeter } from '../../../app/agent/meter.ts'
import { MULAW_TO_ALAW } from '../../../lib/media/g711.ts'

class Sink {
  bufferedBytes = 0
  readonly texts: string[] = []

  sendText(text: string): void {
    this.texts.push(text)
  }

  /** First byte of each batch. */
  get firstBytes(): readonly (number | undefined)[] {
    return this.texts.map((text) => Buffer.from(/"audio":"([^"]*)"/.exec(text)?.[1] ?? '', 'base64')[0])
  }
}

const frame = (byte: number): Uint8Array => new Uint8Array(160).fill(byte)

describe("the caller's audio on its way to the agent", () => {
  it('goes out when a batch is full, as one event of valid JSON', () => {
    const sink = new Sink()
    const audio = new CallerAudio(40, newAgentMeter())
    assert.equal(audio.add(frame(1), null, sink), false)
    assert.equal(audio.add(frame(2), null, sink), true)
    const want = Buffer.concat([frame(1), frame(2)]).toString('base64')
    assert.deepEqual(JSON.parse(sink.texts[0] ?? ''), { type: 'input_audio_buffer.append', audio: want })
  })

  it('is turned into what the server expects', () => {
    const sink = new Sink()
    new CallerAudio(20, newAgentMeter()).add(frame(0x12), MULAW_TO_ALAW, sink)
    assert.deepEqual(sink.firstBytes, [MULAW_TO_ALAW[0x12]])
  })

  it('goes out early when asked', () => {
    const sink = new Sink()
    const audio = new CallerAudio(100, newAgentMeter())
    audio.flush(sink)
    audio.add(frame(7), null, sink)
    audio.flush(sink)
    assert.deepEqual(sink.firstBytes, [7])
  })

  it('waits for a server that does not keep up, and loses the oldest first', () => {
    const sink = new Sink()
    const meter = newAgentMeter()
    const audio = new CallerAudio(20, meter)
    sink.bufferedBytes = MAX_BUFFERED_BYTES + 1
    for (let n = 0; n < MAX_HELD_BATCHES + 3; n++) audio.add(frame(n), null, sink)
    assert.equal(sink.texts.length, 0)
    assert.equal(meter.faults.droppedAudio, 3)
    sink.bufferedBytes = 0
    audio.add(frame(99), null, sink)
    assert.deepEqual(sink.firstBytes, [...Array.from({ length: MAX_HELD_BATCHES }, (_, n) => n + 3), 99])
  })
})
