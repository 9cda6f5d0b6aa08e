import { randomBytes } from 'node:crypto'
import type { Endpoint } from 'drachtio-fsmrf'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import { mediaRecord, packetsIn, parseChannel } from '../../../lib/media/freeswitch-facts.ts'
import type { MediaRecord } from '../../../lib/observe/call-record.ts'
import { type CodecName, knownCodecs, supportedCodecs } from '../../../lib/sip/codecs.ts'
import {
  type AgreedMedia,
  acceptAnswer,
  answerOffer,
  type LocalMedia,
  makeOffer,
} from '../../../lib/sip/offer-answer.ts'
import { placeholderOffer, relayOffer, withoutRtcpMux } from '../../../lib/sip/relay-offer.ts'
import { parseSdp, type SdpRefusal } from '../../../lib/sip/sdp.ts'
import { withDeadline } from '../../deadline.ts'
import { MediaError } from '../embedded/worker-host.ts'
import type { AgentRefusal, LegEvent, LegSummary, MediaLeg, OfferKind } from '../port.ts'
import type { RemoteVoice } from './remote-voice.ts'
import type { FreeSwitchServer } from './server.ts'
import { FORK_MS } from './voice.ts'

/** What takes longer to end is left to FreeSWITCH. */
const CLOSE_MS = 2_000
/** A BYE that is not answered by then has not come through. */
const BYE_MS = 1_000
/** The packet counter of a channel is read so often; silence is noticed that much late. */
const COUNT_MS = 5_000

export interface FreeSwitchLegParts {
  /** The servers to try for a new channel, best first. */
  readonly servers: () => readonly FreeSwitchServer[]
  readonly codecs: readonly string[]
  readonly silenceTimeoutMs: number
  /** The talker, the fork and the recording, in a media worker. */
  readonly voice: RemoteVoice
  readonly emit: (event: LegEvent) => void
  readonly warn: (message: string) => void
  /** Everything is given back. */
  readonly onClosed: () => void
}

type Agreed = AgreedMedia<CodecName>

interface Channel {
  readonly server: FreeSwitchServer
  readonly endpoint: Endpoint
  readonly address: string
  readonly port: number
}

/** One leg whose RTP FreeSWITCH carries: its negotiation, its channel, and the talker at the other end of the fork. */
export class FreeSwitchLeg implements MediaLeg {
  readonly #parts: FreeSwitchLegParts
  readonly #sessionId = String(randomBytes(6).readUIntBE(0, 6))
  #channel: Channel | null = null
  /** Resolves when the fork's WebSocket is there, and to false where it did not come. */
  #forked: Promise<boolean> | null = null
  #description: string | undefined
  #agreed: Agreed | null = null
  /** What the channel was told last, and how often it was told something new. */
  #relayed: Agreed | null = null
  #relays = 1
  #startedAtMs: number | null = null
  #countAtMs = 0
  /** The channel's variables when its packets were counted last. */
  #counted: ReadonlyMap<string, string> = new Map()
  #packets = 0
  #packetsAtMs = 0
  #timedOut = false
  #failed = false
  #closed: Promise<LegSummary> | null = null

  constructor(parts: FreeSwitchLegParts) {
    this.#parts = parts
  }

  /** The server that carries it; null while it has no channel. */
  get server(): FreeSwitchServer | null {
    return this.#channel?.server ?? null
  }

  async answer(offerSdp: string): Promise<Result<string, SdpRefusal>> {
    const offer = withoutRtcpMux(offerSdp)
    const { codecs, warn } = this.#parts
    // An agent hears 8000 Hz whatever the line has: where G.711 is offered, turning another codec into it would gain nothing.
    const usual = await this.#answerIn(supportedCodecs(codecs), offer)
    if (usual.ok || usual.error.code !== 'sdp-no-common-codec') return usual
    try {
      return await this.#answerIn(knownCodecs(codecs), offer)
    } catch (cause) {
      if (this.#parts.servers().length === 0) throw cause
      warn(`no FreeSWITCH takes what was offered: ${messageOf(cause)}`)
      return usual
    }
  }

  async #answerIn(codecs: readonly CodecName[], offer: string): Promise<Result<string, SdpRefusal>> {
    // What FreeSWITCH is told depends on the offer alone; where it listens is known only then.
    const first = answerOffer(offer, this.#local(this.#channel, codecs), this.#description)
    if (!first.ok) return first
    const channel = await this.#relay(first.value.agreed)
    const answered = answerOffer(offer, this.#local(channel, codecs), this.#description)
    if (!answered.ok) return answered
    this.#description = answered.value.sdp
    this.#configure(answered.value.agreed)
    return ok(answered.value.sdp)
  }

  async offer(kind: OfferKind = 'usual'): Promise<string> {
    this.#channel ??= await this.#open(placeholderOffer)
    const local = this.#local(this.#channel, supportedCodecs(this.#parts.codecs))
    const codecs = kind === 'other' && local.codecs.length > 1 ? local.codecs.slice(1) : local.codecs
    this.#description = makeOffer({ ...local, codecs }, this.#description)
    return this.#description
  }

  async accept(answerSdp: string): Promise<Result<void, SdpRefusal>> {
    if (this.#description === undefined)
      return err({ code: 'sdp-no-offer', message: 'an answer came before our offer' })
    const accepted = acceptAnswer(this.#description, answerSdp, supportedCodecs(this.#parts.codecs))
    if (!accepted.ok) return accepted
    await this.#relay(accepted.value)
    this.#configure(accepted.value)
    return ok(undefined)
  }

  async ready(): Promise<Result<void, AgentRefusal>> {
    const [ready, forked] = await Promise.all([this.#parts.voice.ready(), this.#forked ?? true])
    if (!ready.ok || forked) return ready
    return err({ code: 'media-lost', message: `mod_audio_fork did not connect within ${FORK_MS} ms` })
  }

  start(): void {
    if (this.#startedAtMs !== null || this.#closed !== null) return
    const nowMs = performance.now()
    this.#startedAtMs = nowMs
    this.#countAtMs = nowMs
    this.#packetsAtMs = nowMs
    this.#parts.voice.start()
  }

  mute(muted: boolean): void {
    this.#parts.voice.mute(muted)
  }

  dtmf(digit: string, durationMs: number): void {
    if (this.#closed === null) this.#parts.voice.dtmf(digit, durationMs)
  }

  transferred(callId: string, problem: string | null): void {
    if (this.#closed === null) this.#parts.voice.transferred(callId, problem)
  }

  /** To be called a few times a second: notices that no RTP comes. */
  watch(nowMs: number): void {
    if (this.#closed === null && !this.#failed) this.#watchSilence(nowMs)
  }

  /** Nothing more will come of it: its server is gone, or its channel. Told once. */
  fail(message: string): void {
    if (this.#failed || this.#closed !== null) return
    this.#failed = true
    this.#parts.emit({ kind: 'failed', message })
  }

  close(): Promise<LegSummary> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<LegSummary> {
    try {
      const [media, voice] = await Promise.all([this.#record(), this.#parts.voice.close()])
      return { media, agent: voice.agent, recording: voice.recording }
    } finally {
      await withDeadline(this.#hangUp(), CLOSE_MS).catch(() => undefined)
      this.#parts.onClosed()
    }
  }

  /** Ends the dialog, and the channel also where our BYE does not reach it. */
  async #hangUp(): Promise<void> {
    if (this.#channel === null) return
    const { server, endpoint } = this.#channel
    const bye = endpoint.connected ? endBy(endpoint.dialog) : Promise.resolve()
    if (!server.up) return
    await withDeadline(bye, BYE_MS)
    if (endpoint.connected) await server.api(`uuid_kill ${endpoint.uuid}`)
  }

  async #record(): Promise<MediaRecord | null> {
    if (this.#agreed === null || this.#channel === null) return null
    try {
      return mediaRecord(this.#agreed.codec, await this.#variables(this.#channel))
    } catch {
      // The last figures are lost with the server.
      return mediaRecord(this.#agreed.codec, this.#counted)
    }
  }

  async #variables({ server, endpoint }: Channel): Promise<ReadonlyMap<string, string>> {
    await server.api(`uuid_set_media_stats ${endpoint.uuid}`)
    return parseChannel(await server.api(`uuid_dump ${endpoint.uuid}`))
  }

  #local<C extends CodecName>(channel: Channel | null, codecs: readonly C[]): LocalMedia<C> {
    return {
      address: channel?.address ?? '0.0.0.0',
      rtpPort: channel?.port ?? 9,
      sessionId: this.#sessionId,
      codecs,
      direction: 'sendrecv',
    }
  }

  /** Tells the channel what was agreed on, where that is something new; opens one where there is none. */
  async #relay(agreed: Agreed): Promise<Channel> {
    if (this.#channel === null) {
      this.#channel = await this.#open((_address, sessionId) => relayOffer(agreed, sessionId, 1))
    } else if (this.#relayed === null || !isSame(this.#relayed, agreed)) {
      const { dialog } = this.#channel.endpoint
      if (dialog === null) throw new MediaError('media-lost', 'the channel at FreeSWITCH is gone')
      await dialog.modify(relayOffer(agreed, this.#sessionId, ++this.#relays))
    }
    this.#relayed = agreed
    return this.#channel
  }

  /** A channel at the best server, or the next one where that fails. */
  async #open(offer: (address: string, sessionId: string) => string): Promise<Channel> {
    let why = 'no FreeSWITCH server can be reached'
    for (const server of this.#parts.servers()) {
      try {
        return await this.#openAt(server, offer(server.localAddress, this.#sessionId))
      } catch (cause) {
        why = `FreeSWITCH at ${server.name}: ${messageOf(cause)}`
        this.#parts.warn(why)
      }
    }
    throw new MediaError('media-lost', why)
  }

  async #openAt(server: FreeSwitchServer, remoteSdp: string): Promise<Channel> {
    const endpoint = await server.createEndpoint(remoteSdp)
    const described = parseSdp(endpoint.dialog?.remote.sdp ?? '')
    const audio = described.ok ? described.value.media[0] : undefined
    if (audio === undefined || audio.port === 0 || audio.address === null) {
      void endBy(endpoint.dialog)
      throw new Error('its answer has no audio')
    }
    endpoint.on('dtmf', (press: unknown) => this.#onDtmf(press))
    endpoint.on('destroy', () => this.fail(`the channel at FreeSWITCH ${server.name} has ended`))
    this.#forked = this.#fork(server, endpoint.uuid)
    // Closed while the channel was being opened.
    if (this.#closed !== null) void endBy(endpoint.dialog)
    return { server, endpoint, address: audio.address, port: audio.port }
  }

  async #fork(server: FreeSwitchServer, uuid: string): Promise<boolean> {
    const { voice, warn } = this.#parts
    try {
      const url = await voice.expectFork(server.localAddress)
      // All ten arguments, with a name for the fork: without, the rest is taken for something else.
      const fork = [uuid, 'start', url, 'mono', '8000', 'tandem', '{}', 'true', 'true', '8000']
      const answer = await server.api(`uuid_audio_fork ^^|${fork.join('|')}`)
      if (!answer.startsWith('+OK')) throw new Error(`uuid_audio_fork: ${answer.trim().slice(0, 200)}`)
      return await voice.forked()
    } catch (cause) {
      warn(messageOf(cause))
      return false
    }
  }

  #configure(agreed: Agreed): void {
    const held = this.#agreed !== null && this.#agreed.direction !== 'sendrecv'
    if (held && agreed.direction === 'sendrecv') this.#packetsAtMs = performance.now()
    this.#agreed = agreed
    const line = agreed.codec === 'PCMA' ? 'PCMA' : 'PCMU'
    this.#parts.voice.agreed(line, agreed.direction === 'sendrecv' || agreed.direction === 'sendonly')
  }

  #onDtmf(press: unknown): void {
    if (typeof press !== 'object' || press === null || !('dtmf' in press) || !('duration' in press)) return
    const digit = String(press.dtmf).toUpperCase()
    const samples = Number(press.duration)
    if (/^[0-9*#A-D]$/.test(digit)) this.dtmf(digit, Number.isFinite(samples) ? Math.round(samples / 8) : 0)
  }

  async silentMs(): Promise<number | null> {
    if (this.#startedAtMs === null || this.#channel === null || this.#agreed?.direction !== 'sendrecv') return null
    const variables = await this.#variables(this.#channel).catch(() => null)
    if (variables === null) return null
    return packetsIn(variables) > this.#packets ? 0 : performance.now() - this.#packetsAtMs
  }

  /** Tells once when no RTP has come for too long; what comes after arms it again. */
  #watchSilence(nowMs: number): void {
    if (this.#startedAtMs === null || this.#channel === null) return
    const everyMs = Math.min(COUNT_MS, this.#parts.silenceTimeoutMs / 4)
    if (nowMs - this.#countAtMs < everyMs) return
    this.#countAtMs = nowMs
    this.#variables(this.#channel).then(
      (variables) => {
        this.#counted = variables
        this.#onCount(packetsIn(variables), nowMs)
      },
      () => undefined,
    )
  }

  #onCount(packets: number, nowMs: number): void {
    if (this.#startedAtMs === null || this.#closed !== null) return
    if (this.#packets === 0 && packets > 0) {
      this.#parts.emit({ kind: 'firstPacket', afterMs: Math.max(0, nowMs - this.#startedAtMs) })
    }
    if (packets > this.#packets || this.#agreed?.direction !== 'sendrecv') {
      this.#packets = packets
      this.#packetsAtMs = nowMs
      this.#timedOut = false
      return
    }
    const silentMs = nowMs - this.#packetsAtMs
    if (silentMs < this.#parts.silenceTimeoutMs || this.#timedOut) return
    this.#timedOut = true
    this.#parts.emit({ kind: 'mediaTimeout', silentMs: Math.round(silentMs) })
  }
}

/** Sends BYE, and resolves with its answer. */
const endBy = (dialog: Endpoint['dialog']): Promise<void> =>
  new Promise((resolve) => {
    if (dialog === null) resolve()
    else dialog.destroy({ headers: {} }, () => resolve())
  })

/** Whether a channel that was told one need not be told the other. */
const isSame = (a: Agreed, b: Agreed): boolean => relayOffer(a, '0', 1) === relayOffer(b, '0', 1)

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
