import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ConversationItem, HistoryItem } from '../../../lib/agent/history.ts'
import { historyOf, OUTCOME_UNKNOWN, type PastItem } from '../../../lib/agent/past.ts'
import type { SessionInput } from '../../../lib/agent/session-state.ts'
import { call, Stage, speechStarted, speechStopped } from './stage.ts'

type Move = (stage: Stage) => void

const RESPONSES = ['r1', 'r2', 'r3']
const ITEMS = ['a1', 'a2', 'a3']
const part = fc.record({
  response_id: fc.constantFrom(...RESPONSES),
  item_id: fc.constantFrom(...ITEMS),
  content_index: fc.constant(0),
})
const server = (events: fc.Arbitrary<object>): fc.Arbitrary<Move> =>
  events.map((event) => (stage) => stage.server(event))
const inputs = (all: fc.Arbitrary<SessionInput>): fc.Arbitrary<Move> =>
  all.map((input) => (stage) => stage.input(input))

/** A server that echoes our mark, does not, or makes responses by itself. */
const created = fc.record({ id: fc.constantFrom(...RESPONSES), echo: fc.boolean() }).map(
  ({ id, echo }): Move =>
    (stage) => {
      const mark = stage.sent('response.create').at(-1)?.event_id
      stage.server({ type: 'response.created', response: { id, metadata: echo ? { tandem_request: mark } : null } })
    },
)
const refused = fc.constantFrom('conversation_already_has_active_response', 'invalid_value').map(
  (code): Move =>
    (stage) => {
      const eventId = stage.sent('response.create').at(-1)?.event_id
      stage.server({ type: 'error', error: { code, message: 'no', event_id: eventId } })
    },
)

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: created },
  { weight: 2, arbitrary: refused },
  {
    weight: 6,
    arbitrary: server(
      fc.tuple(part, fc.nat(1_000)).map(([at, bytes]) => ({
        type: 'response.output_audio.delta',
        ...at,
        delta: Buffer.alloc(bytes).toString('base64'),
      })),
    ),
  },
  server(part.map((at) => ({ type: 'response.output_audio.done', ...at }))),
  server(part.map((at) => ({ type: 'response.output_audio_transcript.delta', ...at, delta: 'word ' }))),
  server(part.map((at) => ({ type: 'response.output_audio_transcript.done', ...at, transcript: 'word word' }))),
  server(
    fc
      .record({
        id: fc.constantFrom(...RESPONSES),
        status: fc.constantFrom('completed', 'completed', 'cancelled', 'incomplete', 'failed'),
        output: fc.subarray([call('c1', 'lookup'), call('c2', 'book'), call('c3', 'hang_up')]),
      })
      .map((response) => ({ type: 'response.done', response })),
  ),
  server(fc.constantFrom('u1', 'u2', 'u3').map(speechStarted)),
  server(fc.constantFrom('u1', 'u2', 'u3').map(speechStopped)),
  server(fc.nat(40).map((n) => ({ type: 'conversation.item.added', item: { id: `output-${n}` } }))),
  server(fc.constant({ type: 'session.updated' })),
  inputs(fc.constantFrom('1', '#').map((digit): SessionInput => ({ kind: 'dtmf', digit }))),
  // c3 is `hang_up`, which nobody answers but we.
  inputs(
    fc.constantFrom('c1', 'c2', 'c9').map((callId): SessionInput => {
      return { kind: 'toolDone', result: { callId, name: 'lookup', ok: true, output: 'x', tookMs: 1 } }
    }),
  ),
  inputs(fc.constantFrom('PCMU', 'PCMA').map((codec): SessionInput => ({ kind: 'attached', codec }))),
  inputs(fc.constant({ kind: 'woken' })),
  inputs(fc.constant({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })),
  inputs(fc.constant({ kind: 'prepared', ok: true })),
  inputs(fc.constantFrom('human', 'machine').map((by): SessionInput => ({ kind: 'answeredBy', by }))),
  fc.nat(3_000).map(
    (ms): Move =>
      (stage) =>
        stage.input({ kind: 'expires', renewAtMs: stage.nowMs + ms }),
  ),
  // Only what was lost is opened anew.
  fc.constant((stage: Stage): void => {
    if (stage.state.phase === 'lost') stage.input({ kind: 'reopening', setupMs: 2_000 })
  }),
  inputs(fc.constant({ kind: 'opened' })),
  fc.nat(2_000).map(
    (ms): Move =>
      (stage) =>
        stage.pass(ms),
  ),
)

/** Plays moves, looking at the session after each. */
const play = (moves: readonly Move[], check: (stage: Stage) => void): void => {
  const stage = Stage.talking({ greeting: 'Hello.' })
  for (const next of moves) {
    next(stage)
    check(stage)
  }
}
const holds = (check: (stage: Stage) => void): void =>
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => play(moves, check)),
    { numRuns: 300 },
  )

/** What was sent to each server, the first one first: a whole configuration begins it. */
function eachServer(stage: Stage): readonly (readonly Record<string, unknown>[])[] {
  const servers: Record<string, unknown>[][] = []
  for (const effect of stage.effects) {
    if (effect.kind !== 'send') continue
    if (effect.event.type === 'session.update' && 'instructions' in effect.event.session) servers.push([])
    servers.at(-1)?.push({ ...effect.event })
  }
  return servers
}

describe('an agent session, whatever the order of events', () => {
  it('has at most one response.create unanswered, and sends none while a response is active', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const stage = Stage.talking({ greeting: 'Hello.' })
        stage.onStep = ({ responses }, effects) => {
          const creates = effects.filter(({ kind, ...rest }) => {
            return kind === 'send' && 'event' in rest && rest.event.type === 'response.create'
          })
          assert.ok(creates.length <= 1 && responses.waiting.length <= 2)
          if (creates.length > 0) assert.ok(responses.active === null && responses.sent !== null)
        }
        for (const next of moves) next(stage)
      }),
      { numRuns: 300 },
    )
  })

  it('runs each tool call at most once, and answers it at most once', () => {
    holds((stage) => {
      const runs = stage.of('runTool').map(({ callId }) => callId)
      assert.equal(new Set(runs).size, runs.length)
      for (const sent of eachServer(stage)) {
        const items = sent
          .filter(({ type }) => type === 'conversation.item.create')
          .map(({ item }) => JSON.stringify(item))
        const of = (type: string): readonly string[] =>
          items.flatMap((item) =>
            item.includes(`"type":"${type}"`) ? (/"call_id":"(\w+)"/.exec(item)?.[1] ?? []) : [],
          )
        const answers = of('function_call_output')
        assert.equal(new Set(answers).size, answers.length)
        assert.equal(new Set(of('function_call')).size, of('function_call').length)
      }
    })
  })

  it('gives no server the output of a call that it does not know', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const stage = Stage.talking({ greeting: 'Hello.' })
        /** Calls that the server of now has made, or was told of. */
        let known = new Set<string>()
        const before = new Set<string>()
        stage.onStep = ({ tools }, effects) => {
          for (const callId of tools.seen) {
            if (!before.has(callId)) known.add(callId)
            before.add(callId)
          }
          for (const effect of effects) {
            if (effect.kind !== 'send') continue
            const { event } = effect
            if (event.type === 'session.update' && 'instructions' in event.session) known = new Set()
            if (event.type !== 'conversation.item.create') continue
            if (event.item.type === 'function_call') known.add(event.item.call_id)
            if (event.item.type === 'function_call_output') assert.ok(known.has(event.item.call_id), event.item.call_id)
          }
        }
        for (const next of moves) next(stage)
      }),
      { numRuns: 300 },
    )
  })

  it('has told all that a further call must know, in whatever order that came to be known', () => {
    const words = ({ atMs: _at, ...item }: HistoryItem): ConversationItem => item
    holds((stage) => {
      const items = stage.of('keep').map(({ item: { atMs, ...item } }): PastItem => ({ ...item, at: new Date(atMs) }))
      const past = historyOf({ items, note: 'moved' }).map(words)
      assert.deepEqual(
        past.filter((item) => item.kind !== 'toolOutput' || item.output !== OUTCOME_UNKNOWN),
        stage.state.history.map(words),
      )
    })
  })

  it('truncates no item beyond what was received of it, and none twice', () => {
    holds((stage) => {
      const received = new Map<string, number>()
      for (const { itemId, audio } of stage.of('play')) received.set(itemId, (received.get(itemId) ?? 0) + audio.length)
      const cuts = stage.sent('conversation.item.truncate')
      for (const cut of cuts) {
        assert.ok(Number(cut.audio_end_ms) * 8 <= (received.get(String(cut.item_id)) ?? 0))
      }
      assert.equal(new Set(cuts.map((cut) => cut.item_id)).size, cuts.length)
    })
  })

  it('is silent whenever the caller begins to speak', () => {
    holds((stage) => {
      const before = stage.state.caller.itemId
      stage.server(speechStarted(`v${stage.effects.length}`))
      if (stage.state.phase === 'up' && stage.state.caller.itemId !== before) {
        assert.equal(stage.playout.queuedSamples, 0)
      }
    })
  })

  it('hangs up at most once a call of the tool, and says nothing after the end of the call', () => {
    holds((stage) => {
      const tools = stage
        .of('news')
        .filter(({ news }) => news.kind === 'agent.tool' && news.name === 'hang_up' && news.ok)
      assert.equal(stage.news.filter((kind) => kind === 'hangUp').length, tools.length)
      const reopened = stage.of('send').filter(({ event }) => event.type === 'session.update').length
      assert.ok(stage.news.filter((kind) => kind === 'agent.lost').length <= reopened)
    })
    fc.assert(
      fc.property(fc.array(move, { maxLength: 20 }), fc.array(move, { maxLength: 20 }), (before, after) => {
        const stage = Stage.talking()
        for (const next of before) next(stage)
        stage.input({ kind: 'ended' })
        const told = stage.effects.length
        for (const next of after) next(stage)
        assert.equal(stage.effects.length, told)
      }),
    )
  })

  it('keeps every list it holds within its limit', () => {
    holds((stage) => {
      const { ledger, discarded, tools, caller, dtmf } = stage.state
      assert.ok(ledger.length <= 64 && discarded.length <= 256 && tools.rounds.length <= 3)
      assert.ok(caller.began.length <= 32 && dtmf.digits.length <= 32)
    })
  })
})
