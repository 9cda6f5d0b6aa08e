import { comfortAfterMs } from '../../lib/agent/comfort.ts'
import type { ServerEvent } from '../../lib/agent/protocol.ts'
import { isRecordingPaused } from '../../lib/agent/recording-pause.ts'
import { stepSession } from '../../lib/agent/session.ts'
import {
  deadlineMs,
  newSession,
  type SessionEffect,
  type SessionInput,
  type SessionState,
} from '../../lib/agent/session-state.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { Standing } from '../../lib/agent/succession.ts'
import { variablesOf } from '../../lib/agent/variables.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { type Greeting, hearGreeting, NO_GREETING } from '../../lib/media/answering-machine.ts'
import { FRAME_MS, transcode, transcodingTable } from '../../lib/media/g711.ts'
import { isAudible } from '../../lib/media/level.ts'
import type { AgentRecord } from '../../lib/observe/call-record.ts'
import { toolCallKey } from '../../lib/tool/request.ts'
import type { AgentRefusal } from '../media/port.ts'
import type { EmitLegEvent, G711, Line, Talker } from '../media/talker.ts'
import { BackendLink, type BackendLinkHandlers } from './backend-link.ts'
import { appendEvent, CallerAudio } from './caller-audio.ts'
import { ComfortPlayer } from './comfort-player.ts'
import { runHttpTool } from './http-tool.ts'
import { runLineTool } from './line-tool.ts'
import { type AgentMeter, newAgentMeter } from './meter.ts'
import { RecentAudio } from './recent-audio.ts'

/** What a leg speaks unless it is told otherwise: with a delayed offer the codec is known only after the agent must be ready. */
const DEFAULT_CODEC: G711 = 'PCMU'

/**
 * An agent on a leg: opens its socket at once, and tries the backends in order until one is configured.
 * @param meter of the worker, shared by its agents
 * @param standing how backends stand at any time, by what the node knows of them
 */
export function createAgentTalker(
  spec: AgentSpec,
  emit: EmitLegEvent,
  meter: AgentMeter = newAgentMeter(),
  standing: Standing = () => 'active',
): Talker {
  return new AgentTalker(spec, emit, meter, standing)
}

/** Performs what lib/agent/session.ts decides, on one line and one socket at a time. All of it runs on the thread of the leg's RTP. */
class AgentTalker implements Talker {
  readonly #spec: AgentSpec
  readonly #emit: EmitLegEvent
  readonly #meter: AgentMeter
  readonly #createdAtMs = performance.now()
  readonly #callerAudio: CallerAudio
  readonly #callEnd = new AbortController()
  readonly #ready: Promise<Result<void, AgentRefusal>>
  #resolveReady: (result: Result<void, AgentRefusal>) => void = () => undefined
  readonly #inputs: SessionInput[] = []
  #stepping = false
  readonly #link: BackendLink
  readonly #recent = new RecentAudio()
  readonly #comfort = new ComfortPlayer()
  /** What is heard of who has answered, until that is known; null: nobody wants to know. */
  #greeting: Greeting | null
  #state: SessionState
  #line: Line | null = null
  #startedAtMs: number | null = null
  #firstAudioMs: number | null = null
  #connected = false
  #reconnects = 0
  #timer: NodeJS.Timeout | undefined
  #wakeAtMs: number | null = null
  #closing: Promise<AgentRecord | null> | null = null

  constructor(spec: AgentSpec, emit: EmitLegEvent, meter: AgentMeter, standing: Standing) {
    this.#spec = spec
    this.#emit = emit
    this.#meter = meter
    this.#greeting = spec.onMachine === undefined ? null : NO_GREETING
    this.#callerAudio = new CallerAudio(spec.batchMs, meter)
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve
    })
    const handlers: BackendLinkHandlers = {
      onOpen: () => this.#input({ kind: 'opened', hosted: this.#link.backend.kind === 'openai' }),
      onEvent: (event) => this.#onServerEvent(event),
      onEnd: (end) => this.#input({ kind: 'closed', ...end }),
      onReopening: (setupMs) => this.#onReopening(setupMs),
      onPrepared: (isOpen) => this.#input({ kind: 'prepared', ok: isOpen }),
      onReport: (report) => emit({ kind: 'agent.backend', report }),
    }
    this.#link = new BackendLink(spec, meter, handlers, standing)
    this.#state = newSession(DEFAULT_CODEC, this.#createdAtMs, this.#link.setupMs, spec.past)
    this.#arm()
  }

  ready(): Promise<Result<void, AgentRefusal>> {
    return this.#ready
  }

  attach(line: Line): void {
    if (line.codec !== this.#line?.codec) this.#callerAudio.flush(this.#link)
    if (this.#line === null && isRecordingPaused(this.#state.history)) line.record(false)
    this.#line = line
    this.#input({ kind: 'attached', codec: line.codec })
  }

  start(): void {
    this.#startedAtMs ??= performance.now()
    this.#input({ kind: 'started' })
  }

  onAudio(frame: Uint8Array, nowMs: number): void {
    const { phase, started, inputCodec } = this.#state
    const line = this.#line
    if (!started || line === null) return
    if (this.#greeting !== null) this.#hear(this.#greeting, isAudible(frame, line.codec))
    this.#recent.add(frame, line.codec, nowMs)
    this.#comfort.tick(line, comfortAfterMs(this.#state, this.#spec), nowMs)
    if (phase !== 'up') return
    const sent = this.#callerAudio.add(frame, transcodingTable(line.codec, inputCodec), this.#link)
    if (sent) this.#meter.appendDelay.add(performance.now() - nowMs)
  }

  #hear(greeting: Greeting, audible: boolean): void {
    const next = hearGreeting(greeting, audible)
    this.#greeting = typeof next === 'string' ? null : next
    if (typeof next !== 'string') return
    const leaves = next === 'machine' && this.#spec.onMachine === 'hang-up'
    this.#emit({ kind: 'answeredBy', by: next, afterMs: greeting.heardMs + FRAME_MS, leaves })
    if (!leaves) this.#input({ kind: 'answeredBy', by: next })
  }

  onDtmf(digit: string): void {
    this.#input({ kind: 'dtmf', digit })
  }

  onPlayed(itemId: string): void {
    this.#input({ kind: 'played', itemId })
  }

  transferred(callId: string, problem: string | null): void {
    this.#input({ kind: 'transferred', callId, problem })
  }

  close(): Promise<AgentRecord | null> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<AgentRecord | null> {
    this.#input({ kind: 'ended' })
    this.#callEnd.abort()
    clearTimeout(this.#timer)
    this.#resolveReady(err({ code: 'agent-refused', message: 'the call ended before the agent was ready' }))
    const { kind } = this.#link.backend
    await this.#link.close()
    if (!this.#connected) return null
    const { turns, bargeIns, tokens } = this.#state
    return { backend: kind, firstAudioMs: this.#firstAudioMs, turns, bargeIns, reconnects: this.#reconnects, tokens }
  }

  #onServerEvent(event: ServerEvent): void {
    this.#input({ kind: 'server', event })
    if (event.type !== 'session.updated' || event.expiresAtS === 0) return
    const leftMs = event.expiresAtS * 1_000 - Date.now()
    // A session that is shorter than the notice we want is renewed in its middle.
    const inMs = Math.max(leftMs - this.#link.backend.renewBeforeMs, leftMs / 2)
    this.#input({ kind: 'expires', renewAtMs: performance.now() + inMs })
  }

  /** A backend that is tried before the call was ever up begins a conversation; a later one goes on with it. */
  #onReopening(setupMs: number): void {
    if (this.#connected) return this.#input({ kind: 'reopening', setupMs })
    this.#state = newSession(this.#line?.codec ?? DEFAULT_CODEC, performance.now(), setupMs, this.#spec.past)
    if (this.#startedAtMs !== null) this.#input({ kind: 'started' })
  }

  /** Steps the session and performs the effects; inputs that come of them wait for their turn. */
  #input(input: SessionInput): void {
    this.#inputs.push(input)
    if (this.#stepping) return
    this.#stepping = true
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const { state, effects } = stepSession(this.#state, next, performance.now(), this.#spec)
        this.#state = state
        for (const effect of effects) this.#perform(effect)
      }
    } catch (error) {
      this.#onBug(error)
    } finally {
      this.#stepping = false
    }
    this.#arm()
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'send':
        return this.#link.send(effect.event)
      case 'play':
        return this.#play(effect)
      case 'endItem':
        return this.#line?.end(effect.itemId)
      case 'flush':
        this.#inputs.push({ kind: 'flushed', items: this.#line?.flush() ?? [] })
        return
      case 'ready':
        return effect.back === null ? this.#onReady() : this.#onBack(effect.back)
      case 'refuse':
        return this.#onRefused(effect)
      case 'lost':
        if (this.#link.recover(effect.code, effect.message)) return
        return this.#emit({
          kind: 'agent.gone',
          code: 'agent-unreachable',
          message: 'every backend was lost or refused',
        })
      case 'prepare':
        return this.#link.prepare()
      case 'switch':
        // It was open a moment ago; another one is looked for.
        if (!this.#link.switchOver()) this.#inputs.push({ kind: 'expires', renewAtMs: performance.now() })
        return
      case 'runTool':
        void this.#runTool(effect)
        return
      case 'news':
        return this.#emit(effect.news)
      case 'turn':
        return this.#emit({ kind: 'turn', at: wallTime(effect.atMs), who: effect.who, text: effect.text })
      case 'keep': {
        const { atMs, ...item } = effect.item
        return this.#emit({ kind: 'item', item: { ...item, at: wallTime(atMs) } })
      }
      case 'count':
        this.#meter.faults[effect.fault] += 1
        return
      case 'closeSocket':
        return this.#link.drop()
      default:
        return assertNever(effect)
    }
  }

  #play({ itemId, audio, codec }: Extract<SessionEffect, { kind: 'play' }>): void {
    this.#link.noteWell()
    const line = this.#line
    const table = line === null ? null : transcodingTable(codec, line.codec)
    if (table !== null) transcode(audio, table)
    if (line?.play(itemId, audio) !== true) {
      this.#inputs.push({ kind: 'overflowed', itemId, samples: audio.length })
      return
    }
    if (this.#startedAtMs !== null) this.#firstAudioMs ??= Math.round(performance.now() - this.#startedAtMs)
  }

  #onReady(): void {
    this.#connected = true
    this.#link.noteUp()
    const setupMs = Math.round(performance.now() - this.#createdAtMs)
    this.#emit({ kind: 'agent.connected', backend: this.#link.backend.kind, setupMs })
    this.#resolveReady(ok(undefined))
  }

  /** The conversation goes on: the agent hears what was said while it was away. */
  #onBack({ gapMs, deafSinceMs }: { readonly gapMs: number; readonly deafSinceMs: number }): void {
    this.#reconnects++
    this.#link.noteUp()
    this.#emit({ kind: 'agent.reconnected', backend: this.#link.backend.kind, gapMs })
    this.#callerAudio.clear()
    const line = this.#line
    const audio = this.#recent.since(deafSinceMs)
    if (line === null || audio.length === 0) return
    const table = transcodingTable(line.codec, this.#state.inputCodec)
    if (table !== null) transcode(audio, table)
    this.#link.sendText(appendEvent(Buffer.from(audio.buffer, audio.byteOffset, audio.length)))
  }

  /** The next backend, or the end of it. */
  #onRefused({ code, cause, message }: Extract<SessionEffect, { kind: 'refuse' }>): void {
    this.#link.noteRefused(cause, code === 'agent-refused', message)
    if (this.#link.next()) return
    const refusal: AgentRefusal = { code, message }
    if (this.#connected) this.#emit({ kind: 'agent.gone', ...refusal })
    else this.#resolveReady(err(refusal))
  }

  async #runTool(effect: Extract<SessionEffect, { kind: 'runTool' }>): Promise<void> {
    this.#link.noteWell()
    const ours = runLineTool(this.#line, effect)
    if (ours !== null) {
      this.#inputs.push({ kind: 'toolDone', result: ours })
      return
    }
    const tool = this.#spec.tools.find(({ name }) => name === effect.name)
    if (tool === undefined) return
    const result = await runHttpTool(tool, {
      callId: effect.callId,
      key: toolCallKey(this.#spec.callId ?? '', effect.callId),
      arguments: effect.arguments,
      call: variablesOf(this.#state, this.#spec),
      signal: this.#callEnd.signal,
    })
    this.#input({ kind: 'toolDone', result })
  }

  /** One timer for all deadlines of the session. */
  #arm(): void {
    const atMs = this.#closing === null ? deadlineMs(this.#state) : null
    if (atMs === this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    clearTimeout(this.#timer)
    if (atMs === null) return
    const wake = (): void => {
      this.#wakeAtMs = null
      this.#input({ kind: 'woken' })
    }
    this.#timer = setTimeout(wake, Math.max(0, Math.ceil(atMs - performance.now()))).unref()
  }

  /** A bug ends this call's agent, not the worker with all its calls. */
  #onBug(error: unknown): void {
    this.#inputs.length = 0
    this.#meter.faults.internalError += 1
    const message = error instanceof Error ? error.message : String(error)
    void this.#link.close()
    this.#resolveReady(err({ code: 'agent-refused', message }))
    this.#emit({ kind: 'agent.gone', code: 'internal-error', message })
  }
}

/** Of a moment of the monotonic clock that has been. */
const wallTime = (atMs: number): Date => new Date(Date.now() - Math.max(0, performance.now() - atMs))
