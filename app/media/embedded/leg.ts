import type { Result } from '../../../lib/core/result.ts'
import { FRAME_MS, SAMPLES_PER_MS } from '../../../lib/media/g711.ts'
import { isRtcp } from '../../../lib/media/rtp.ts'
import type { MediaRecord } from '../../../lib/observe/call-record.ts'
import type { AgreedMedia } from '../../../lib/sip/offer-answer.ts'
import type { SdpRefusal, TransportAddress } from '../../../lib/sip/sdp.ts'
import { RecordingSwitch } from '../../recordings/switch.ts'
import { type RecordingSpec, RecordingWriter } from '../../recordings/writer.ts'
import type { LegEvent, LegSummary, OfferKind, SrtpSpec } from '../port.ts'
import type { Talker } from '../talker.ts'
import { TalkerSeat } from '../talker-seat.ts'
import type { LegMemory } from './leg-memory.ts'
import { Negotiation, type NegotiationParts } from './negotiation.ts'
import { RtcpSession } from './rtcp-session.ts'
import { RtpReceiver } from './rtp-receiver.ts'
import { RtpSender, type StreamSeed } from './rtp-sender.ts'
import type { RtpSockets } from './socket-pair.ts'
import { SrtpSession } from './srtp-session.ts'
import type { Ticking } from './tick-wheel.ts'

/** So long without RTP is told of, when it comes again. */
const RTP_GAP_MS = 1_000

/** So many packets from strangers are told of, once a leg: a phone behind NAT sends a few before it is believed. */
const STRANGER_PACKETS = 10

/**
 * How frames reach the talker. An agent hears in order as it comes, waiting 40 ms for what is missing and losing nothing after
 * a stall; a phone hears what a caller would, after a jitter buffer of 60 ms.
 */
const PLAYBACK = {
  agent: { release: 'early', late: 'stretch', depthMs: 40 },
  phone: { release: 'due', late: 'drop', depthMs: 60 },
} as const

export interface LegParts extends NegotiationParts {
  readonly kind: 'agent' | 'phone'
  readonly digits: string
  readonly sockets: RtpSockets
  readonly seed: StreamSeed
  /** Of the worker, shared by its legs. */
  readonly memory: LegMemory
  readonly cname: string
  readonly silenceTimeoutMs: number
  /** Where it is recorded; null: nowhere. */
  readonly recording: RecordingSpec | null
  /** RTP has come from a stranger and was dropped. */
  readonly onStrangerPacket: () => void
  /** Something was dropped that the far end's key did not make. */
  readonly onForgedPacket: () => void
  readonly emit: (event: LegEvent) => void
  readonly warn: (message: string) => void
  /** Monotonic, in milliseconds. */
  readonly now: () => number
  /** Wall time, for RTCP only. */
  readonly wallNow: () => number
  /** 0 … 1, evenly. */
  readonly vary: () => number
}

/** One leg inside a media worker: its sockets, its negotiation, its talker, and the clock's 20 ms tick. */
export class Leg implements Ticking {
  readonly #parts: LegParts
  /** Who talks to the far end. */
  readonly seat: TalkerSeat
  readonly #sender: RtpSender
  readonly #receiver: RtpReceiver
  readonly #rtcp: RtcpSession
  readonly #srtp: SrtpSession
  readonly #negotiation: Negotiation
  /** Where RTCP came from, if that is not where the SDP says. */
  #rtcpFrom: TransportAddress | null = null
  #startedAtMs: number | null = null
  #recording: RecordingWriter | null = null
  readonly #switch: RecordingSwitch
  /** RTP timestamp `since` was at `atMs`. */
  #clock = { atMs: 0, since: 0 }
  /** Silence is counted from here, where nothing was received since. */
  #silentSinceMs = 0
  #timedOut = false
  #failed = false
  #muted = false
  #toldOfForgery = false
  #closed: Promise<LegSummary> | null = null

  constructor(parts: LegParts, talker: Talker) {
    this.#parts = parts
    this.seat = new TalkerSeat(talker, parts.warn)
    this.#switch = new RecordingSwitch(parts.recording !== null)
    this.#srtp = new SrtpSession(parts.previousSdp !== null, (from) => this.#onForged(from))
    this.#negotiation = new Negotiation(parts, (agreed, before) => this.#configure(agreed, before))
    const { sockets, memory } = parts
    this.#sender = new RtpSender(parts.seed, memory.playout, {
      onPacket: (packet, to) => {
        // Also what is not sent is sealed: the roll-over counter is known by counting (RFC 3711 §3.3.1).
        const sealed = this.#srtp.sealRtp(packet)
        if (!this.#muted) sockets.sendRtp(sealed, to)
      },
      onVoice: (frame, codec) => this.#recording?.add('agent', frame, codec, this.#sentUntilMs()),
    })
    this.#receiver = new RtpReceiver(PLAYBACK[parts.kind], memory.jitter, {
      onFrame: (frame, nowMs) => {
        this.seat.talker.onAudio(frame, nowMs)
        if (this.#agreed !== null) this.#recording?.add('caller', frame, this.#agreed.codec, nowMs)
      },
      onPress: ({ digit, durationMs }) => this.#onPress(digit, durationMs),
      onFirstPacket: (nowMs) => this.#onFirstPacket(nowMs),
      onStranger: (from) => this.#onStranger(from),
    })
    this.#rtcp = new RtcpSession(this.#sender, this.#receiver.reception, parts.cname, parts.vary, parts.now())
    sockets.listen(
      (packet, from) => this.#guard(() => this.#onRtp(this.#srtp.openRtp(packet, from), from)),
      (packet, from) => this.#guard(() => this.#onRtcp(this.#srtp.openRtcp(packet, from), from)),
    )
  }

  get #agreed(): AgreedMedia | null {
    return this.#negotiation.agreed
  }

  answer(offerSdp: string): Result<string, SdpRefusal> {
    return this.#negotiation.answer(offerSdp)
  }

  offer(kind: OfferKind, srtp: SrtpSpec | null = null): string {
    return this.#negotiation.offer(kind, srtp)
  }

  accept(answerSdp: string): Result<void, SdpRefusal> {
    return this.#negotiation.accept(answerSdp)
  }

  start(): void {
    if (this.#startedAtMs !== null || this.#closed !== null) return
    const nowMs = this.#parts.now()
    this.#startedAtMs = nowMs
    this.#silentSinceMs = nowMs
    this.#receiver.start(nowMs)
    const { recording, warn } = this.#parts
    if (recording !== null) this.#recording = new RecordingWriter(recording, nowMs, warn, this.#switch)
    this.#clock = { atMs: nowMs, since: this.#sender.timestamp }
    this.seat.start()
    if (this.#parts.digits !== '' && !this.#sender.press(this.#parts.digits)) {
      this.#parts.warn(`not all of "${this.#parts.digits}" are keys, or they are too many: none is pressed`)
    }
    if (this.#receiver.lastAtMs !== null) this.#parts.emit({ kind: 'firstPacket', afterMs: 0 })
  }

  /** While it is muted nothing is sent, and time goes on: what would have been said is not said later. */
  mute(muted: boolean): void {
    this.#muted = muted
  }

  /** Sends a key to the far end; one that takes none gets none. */
  press(digit: string): void {
    this.#sender.press(digit)
  }

  /** A key that came by signaling. */
  dtmf(digit: string, durationMs: number): void {
    this.#guard(() => this.#onPress(digit, durationMs))
  }

  tick(nowMs: number, skipped: number): void {
    this.#guard(() => {
      this.#sender.tick(this.#receiver.latching.target, skipped)
      for (const itemId of this.#sender.takePlayed()) this.seat.talker.onPlayed(itemId)
      this.#receiver.tick(nowMs)
      this.#recording?.tick(nowMs)
      this.#reportRtcp(nowMs)
      this.#watchSilence(nowMs)
    })
  }

  /** Ends everything; resolves when the ports are free. Safe to call twice. */
  close(): Promise<LegSummary> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<LegSummary> {
    const media = this.#record()
    const to = this.#rtcpTarget()
    if (to !== null) {
      const bye = this.#srtp.sealRtcp(this.#rtcp.bye(this.#parts.now(), this.#parts.wallNow()))
      this.#parts.sockets.sendRtcp(bye, to, this.#agreed?.rtcpMux ?? false)
    }
    const [agent, recording] = await Promise.all([
      this.seat.close(),
      Promise.resolve(this.#recording?.close(this.#parts.now()) ?? null),
      this.#parts.sockets.close(),
    ])
    this.#sender.close()
    this.#receiver.close()
    return { media, agent, recording }
  }

  #record(): MediaRecord | null {
    if (this.#agreed === null) return null
    return {
      codec: this.#agreed.codec,
      srtp: this.#agreed.srtp !== null,
      in: this.#rtcp.incoming(),
      out: this.#rtcp.outgoing(),
    }
  }

  #configure(agreed: AgreedMedia, before: AgreedMedia | null): void {
    const held = before !== null && before.direction !== 'sendrecv'
    if (held && agreed.direction === 'sendrecv') this.#silentSinceMs = this.#parts.now()
    if (before?.remoteRtcp?.port !== agreed.remoteRtcp?.port) this.#rtcpFrom = null
    this.#srtp.agree(agreed.srtp, agreed.rtcpMux)
    this.#sender.configure(agreed)
    this.#receiver.configure(agreed)
    if (before?.codec !== agreed.codec) this.seat.attach(this.#sender.line((wanted) => this.#switch.set(wanted)))
  }

  /** Null is what was not authentic: nothing is believed of it, not even where it came from. */
  #onRtp(packet: Buffer | null, from: TransportAddress): void {
    if (packet === null) return
    if (this.#agreed?.rtcpMux === true && isRtcp(packet)) this.#onRtcp(packet, from)
    else this.#onMedia(packet, from)
  }

  #onMedia(packet: Buffer, from: TransportAddress): void {
    const before = this.#receiver.lastAtMs
    this.#receiver.onPacket(packet, from, this.#parts.now())
    const silentMs = (this.#receiver.lastAtMs ?? 0) - (before ?? Number.POSITIVE_INFINITY)
    if (silentMs >= RTP_GAP_MS) this.#parts.emit({ kind: 'rtpResumed', silentMs: Math.round(silentMs) })
  }

  #onRtcp(packet: Buffer | null, from: TransportAddress): void {
    if (packet === null || this.#agreed === null || !this.#receiver.latching.trustsHost(from.address)) return
    this.#rtcpFrom = { address: from.address, port: from.port }
    this.#rtcp.onPacket(packet, this.#parts.now(), this.#parts.wallNow())
  }

  #onPress(digit: string, durationMs: number): void {
    this.#parts.emit({ kind: 'dtmf', digit, durationMs })
    this.seat.talker.onDtmf(digit, durationMs)
  }

  #onFirstPacket(nowMs: number): void {
    if (this.#startedAtMs !== null) this.#parts.emit({ kind: 'firstPacket', afterMs: nowMs - this.#startedAtMs })
  }

  /** When the frame that is sent now ends, by the clock of our RTP: thus late ticks move nothing in a recording. */
  #sentUntilMs(): number {
    const { since } = this.#clock
    return this.#clock.atMs + ((this.#sender.timestamp - since) >>> 0) / SAMPLES_PER_MS + FRAME_MS
  }

  #onStranger({ address, port }: TransportAddress): void {
    this.#parts.onStrangerPacket()
    const { strangers } = this.#receiver.latching
    if (strangers === STRANGER_PACKETS) this.#parts.emit({ kind: 'stranger', address, port })
  }

  #onForged({ address, port }: TransportAddress): void {
    this.#parts.onForgedPacket()
    if (this.#toldOfForgery) return
    this.#toldOfForgery = true
    this.#parts.emit({ kind: 'forged', address, port })
  }

  #rtcpTarget(): TransportAddress | null {
    return this.#agreed === null || this.#muted ? null : (this.#rtcpFrom ?? this.#agreed.remoteRtcp)
  }

  #reportRtcp(nowMs: number): void {
    const to = this.#rtcpTarget()
    if (to === null) return
    const report = this.#rtcp.due(nowMs, this.#parts.wallNow())
    if (report === null) return
    this.#parts.sockets.sendRtcp(this.#srtp.sealRtcp(report), to, this.#agreed?.rtcpMux ?? false)
  }

  /** For how long no RTP has come, in milliseconds; null: not up, or on hold. */
  silentMs(): number | null {
    if (this.#startedAtMs === null || this.#agreed?.direction !== 'sendrecv') return null
    return this.#parts.now() - Math.max(this.#receiver.lastAtMs ?? 0, this.#silentSinceMs)
  }

  /** Tells once when neither RTP nor RTCP has come for too long; what comes after arms it again. */
  #watchSilence(nowMs: number): void {
    if (this.#startedAtMs === null || this.#agreed?.direction !== 'sendrecv') return
    const lastAtMs = Math.max(this.#receiver.lastAtMs ?? 0, this.#rtcp.lastAtMs ?? 0, this.#silentSinceMs)
    const silentMs = nowMs - lastAtMs
    if (silentMs < this.#parts.silenceTimeoutMs) {
      this.#timedOut = false
    } else if (!this.#timedOut) {
      this.#timedOut = true
      this.#parts.emit({ kind: 'mediaTimeout', silentMs: Math.round(silentMs) })
    }
  }

  /** A bug that one leg's packet or talker meets ends that leg, not the others of this worker. */
  #guard(run: () => void): void {
    if (this.#closed !== null || this.#failed) return
    try {
      run()
    } catch (cause) {
      this.#failed = true
      this.#parts.warn(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
      this.#parts.emit({ kind: 'failed', message: `the leg met a bug: ${messageOf(cause)}` })
    }
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
