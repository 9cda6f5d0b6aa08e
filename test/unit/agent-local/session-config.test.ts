import assert from 'node:assert/strict'
import { defaultConfig, mergeSession, reasons } from '../../../lib/agent/local/session-config.ts'

const FACTS = { model: 'gpt-realtime-2.1', spoken: false }
const PCMU = { type: 'audio/pcmu' }

describe('session.update of the local agent', () => {
  it('keeps what is omitted and clears what is null or empty', () => {
    const full = {
      type: 'realtime',
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'hang_up', parameters: {} }],
      audio: {
        input: { format: PCMU, transcription: { model: 'gpt-transcribe' }, noise_reduction: { type: 'near_field' } },
      },
      tracing: 'auto',
      reasoning: { effort: 'low' },
    }
    const first = mergeSession(defaultConfig, full, FACTS)
    assert.ok(first.ok)
    assert.deepEqual(first.value.audio.output, defaultConfig.audio.output)
    const kept = mergeSession(first.value, { type: 'realtime' }, FACTS)
    assert.deepEqual(kept, first)
    const input = { transcription: null, noise_reduction: null, turn_detection: null }
    const nulls = { type: 'realtime', instructions: '', tools: [], tracing: null, reasoning: null, audio: { input } }
    const cleared = mergeSession(first.value, nulls, FACTS)
    assert.ok(cleared.ok)
    assert.deepEqual(cleared.value, {
      ...defaultConfig,
      audio: { ...defaultConfig.audio, input: { ...defaultConfig.audio.input, ...input, format: PCMU } },
    })
  })

  it('keeps fields of the same turn detection and starts another kind from its defaults', () => {
    const update = (turn_detection: object): object => ({ type: 'realtime', audio: { input: { turn_detection } } })
    const first = mergeSession(defaultConfig, update({ type: 'server_vad', silence_duration_ms: 700 }), FACTS)
    assert.ok(first.ok)
    const second = mergeSession(first.value, update({ type: 'server_vad', create_response: false }), FACTS)
    assert.ok(second.ok)
    assert.equal(JSON.stringify(second.value.audio.input.turn_detection).includes('"silence_duration_ms":700'), true)
    const semantic = mergeSession(second.value, update({ type: 'semantic_vad' }), FACTS)
    assert.ok(semantic.ok)
    assert.deepEqual(semantic.value.audio.input.turn_detection, {
      type: 'semantic_vad',
      eagerness: 'auto',
      create_response: true,
      interrupt_response: true,
    })
  })

  const refusals: readonly [string, unknown, string, string][] = [
    ['an unknown field', { type: 'realtime', temperature: 1 }, 'unknown_parameter', 'session.temperature'],
    [
      'an unknown field deep inside',
      { type: 'realtime', audio: { input: { gain: 1 } } },
      'unknown_parameter',
      'session.audio.input.gain',
    ],
    ['no type', { instructions: 'x' }, 'missing_required_parameter', 'session.type'],
    ['no session', undefined, 'missing_required_parameter', 'session'],
    ['the type of a transcription session', { type: 'transcription' }, 'invalid_value', 'session.type'],
    [
      'a beta format',
      { type: 'realtime', audio: { input: { format: 'g711_ulaw' } } },
      'invalid_type',
      'session.audio.input.format',
    ],
    [
      'an unknown format',
      { type: 'realtime', audio: { input: { format: { type: 'audio/opus' } } } },
      'invalid_value',
      'session.audio.input.format.type',
    ],
    [
      'a wrong rate',
      { type: 'realtime', audio: { output: { format: { type: 'audio/pcm', rate: 8000 } } } },
      'invalid_value',
      'session.audio.output.format.rate',
    ],
    [
      'both modalities',
      { type: 'realtime', output_modalities: ['audio', 'text'] },
      'invalid_value',
      'session.output_modalities',
    ],
    [
      'a speed too high',
      { type: 'realtime', audio: { output: { speed: 2 } } },
      'invalid_value',
      'session.audio.output.speed',
    ],
    [
      'an idle timeout too short',
      { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 4_999 } } } },
      'invalid_value',
      'session.audio.input.turn_detection.idle_timeout_ms',
    ],
    [
      'an idle timeout with semantic_vad',
      { type: 'realtime', audio: { input: { turn_detection: { type: 'semantic_vad', idle_timeout_ms: 5_000 } } } },
      'unknown_parameter',
      'session.audio.input.turn_detection.idle_timeout_ms',
    ],
    ['another model', { type: 'realtime', model: 'gpt-4' }, 'invalid_value', 'session.model'],
    [
      'a tool without a name',
      { type: 'realtime', tools: [{ type: 'function' }] },
      'missing_required_parameter',
      'session.tools[0].name',
    ],
    ['instructions as a number', { type: 'realtime', instructions: 7 }, 'invalid_type', 'session.instructions'],
  ]
  for (const [why, session, code, param] of refusals) {
    it(`refuses ${why} and changes nothing`, () => {
      const merged = mergeSession(defaultConfig, session, FACTS)
      assert.ok(!merged.ok)
      assert.deepEqual([merged.error.code, merged.error.param], [code, param], merged.error.message)
    })
  }

  it('locks the voice once the assistant has spoken, and takes the same voice again', () => {
    const update = (voice: string): object => ({ type: 'realtime', audio: { output: { voice } } })
    assert.ok(mergeSession(defaultConfig, update('marin'), FACTS).ok)
    const locked = mergeSession(defaultConfig, update('marin'), { ...FACTS, spoken: true })
    assert.ok(!locked.ok)
    assert.equal(locked.error.code, 'cannot_update_voice')
    assert.ok(mergeSession(defaultConfig, update('alloy'), { ...FACTS, spoken: true }).ok)
  })

  it('refuses reasoning for the models that have none', () => {
    const session = { type: 'realtime', reasoning: { effort: 'low' } }
    assert.ok(!mergeSession(defaultConfig, session, { ...FACTS, model: 'gpt-realtime-1.5' }).ok)
    const models = [
      'gpt-realtime',
      'gpt-realtime-mini-2025-10-06',
      'gpt-realtime-2.1',
      'gpt-realtime-2.1-mini',
      'tandem-local',
    ]
    assert.deepEqual(models.map(reasons), [false, false, true, true, true])
  })
})
