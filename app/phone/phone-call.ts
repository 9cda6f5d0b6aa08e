import { callId, legId } from '../../lib/core/ids.ts'
import type { MediaRecord } from '../../lib/observe/call-record.ts'
import { withDeadline } from '../deadline.ts'
import type { LegEvent, MediaEngine, MediaLeg, SrtpSpec } from '../media/port.ts'
import { hostOfUri, type InviteOutcome, type OutgoingInvite } from '../signaling/outgoing-invite.ts'
import { Reoffers } from '../signaling/reoffers.ts'
import type { SipDialog } from '../signaling/sip-dialog.ts'
import type { SipLink } from '../signaling/sip-link.ts'
import { newUlid } from '../ulid.ts'
import { speak } from './speak.ts'
import { round, type SignalTimings, type Timings } from './timings.ts'

export interface PhoneOptions {
  readonly uri: string
  /** Who calls, as the user part of From. */
  readonly from: string
  /** A WAV file to play once the call is up. */
  readonly playFile?: string
  /** A text to say once the call is up, in place of a file. */
  readonly say?: string
  /** Keys to press once the call is up: `0-9*#A-D`. */
  readonly digits?: string
  /** A WAV file that receives what is heard. */
  readonly recordFile?: string
  /** Whether the audio is to be encrypted; absent: where the far end would. */
  readonly srtp?: SrtpSpec
  /** The phone hangs up this long after the answer. */
  readonly seconds: number
  /** Gives the call up, or hangs up, early. */
  readonly signal: AbortSignal
  readonly onProgress: (step: string) => void
}

/** What a call of the softphone was. */
export interface PhoneReport {
  readonly uri: string
  readonly sipCallId: string | null
  /** Whether the call was answered. */
  readonly answered: boolean
  /** The final status of the INVITE; null where none came. */
  readonly status: number | null
  readonly reason: string
  readonly endedBy: 'phone' | 'far end' | 'nobody'
  readonly timings: Timings
  /** Each time that RTP of the far end came again after a second or more without any, in ms. */
  readonly gapsMs: readonly number[]
  readonly media: MediaRecord | null
  readonly recordFile: string | null
}

/** What a call is placed on. */
export interface CallLine {
  readonly media: Pick<MediaEngine, 'open'>
  readonly link: SipLink
  /** Our host as URIs have it. */
  readonly host: string
  /** What has been seen of a call on the wire; forgotten with this. */
  readonly timingsOf: (sipCallId: string | null) => SignalTimings
}

/** Speech recognisers take recordings of this rate as they are. */
const RECORDING_RATE_HZ = 16_000
/** Nothing at all has come for so long: whoever waits is told. */
const SILENCE_MS = 2_000
const BYE_PATIENCE_MS = 500
/** A far end that has said nothing yet cannot be cancelled, and may go on so for minutes. */
const CANCEL_PATIENCE_MS = 1_000
/** More of them are not told. */
const MAX_GAPS = 100

type Answered = Extract<InviteOutcome, { kind: 'answered' }>

/** One call, from INVITE to BYE. */
export class PhoneCall {
  readonly #options: PhoneOptions
  readonly #line: CallLine
  readonly #heard: { firstPacketMs: number | null; firstAudioMs: number | null } = {
    firstPacketMs: null,
    firstAudioMs: null,
  }
  readonly #gapsMs: number[] = []

  constructor(options: PhoneOptions, line: CallLine) {
    this.#options = options
    this.#line = line
  }

  async run(): Promise<PhoneReport> {
    const { uri, from, playFile, say, digits, recordFile, srtp = 'optional', signal, onProgress } = this.#options
    const id = callId(newUlid())
    const leg = await this.#line.media.open({
      callId: id,
      legId: legId(`${id}.b`),
      talker: {
        kind: 'phone',
        ...(playFile !== undefined && { playFile }),
        ...(say !== undefined && { playSamples: await speak(say) }),
        ...(digits !== undefined && { digits }),
        ...(recordFile !== undefined && { recordFile, recordRateHz: RECORDING_RATE_HZ }),
      },
      srtp,
      onEvent: (event) => this.#onLegEvent(event),
    })
    let endedBy: PhoneReport['endedBy'] = 'nobody'
    const ready = await leg.ready()
    if (!ready.ok) throw new Error(ready.error.message)
    onProgress(`calling ${uri}`)
    const silent = setTimeout(
      () => onProgress(`nobody answers at ${hostOf(uri)} yet; giving up after 32 s`),
      SILENCE_MS,
    )
    const invite = this.#line.link.invite({
      uri,
      sdp: await leg.offer(),
      followRedirects: true,
      headers: { From: `<sip:${from}@${this.#line.host}>` },
      onProvisional: (status) => {
        clearTimeout(silent)
        if (status > 100) onProgress(status === 180 ? 'ringing' : `${status}`)
      },
    })
    const outcome = await giveUpOn(signal, invite)
    clearTimeout(silent)
    if (outcome.kind === 'answered') endedBy = await this.#converse(leg, outcome)
    const { media } = await leg.close()
    return {
      uri,
      sipCallId: invite.sipCallId,
      answered: outcome.kind === 'answered',
      ...finalOf(outcome, uri),
      endedBy,
      timings: { ...this.#line.timingsOf(invite.sipCallId), ...this.#heard },
      gapsMs: this.#gapsMs,
      media,
      recordFile: recordFile ?? null,
    }
  }

  async #converse(leg: MediaLeg, { dialog, answer }: Answered): Promise<'phone' | 'far end'> {
    const { onProgress } = this.#options
    const accepted = await leg.accept(answer)
    // The far end may put us on hold, or go on from another address: its Contact is taken by the SIP server, its media here.
    const reoffers = new Reoffers({ leg: () => leg, onHold: () => undefined, headersOf: () => ({}) })
    dialog.onReoffer((reoffer) => reoffers.take(reoffer))
    dialog.onAck((sdp) => void reoffers.acked(sdp))
    let endedBy: 'phone' | 'far end' = 'phone'
    if (accepted.ok) {
      onProgress('answered')
      leg.start()
      endedBy = await this.#talk(dialog)
    }
    onProgress(endedBy === 'phone' ? 'hung up' : 'the far end hung up')
    // A far end that does not answer the BYE keeps the user waiting for a little while, not for the 32 s of Timer F.
    if (endedBy === 'phone') await withDeadline(dialog.bye(), BYE_PATIENCE_MS)
    return endedBy
  }

  /** Until the time is over, the user has enough, or the far end hangs up. */
  #talk(dialog: SipDialog): Promise<'phone' | 'far end'> {
    const { seconds, signal } = this.#options
    return new Promise((resolve) => {
      const done = (who: 'phone' | 'far end'): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        resolve(who)
      }
      const onAbort = (): void => done('phone')
      const timer = setTimeout(() => done('phone'), seconds * 1_000)
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      dialog.onEnd(() => done('far end'))
    })
  }

  #onLegEvent(event: LegEvent): void {
    if (event.kind === 'firstPacket') this.#heard.firstPacketMs = round(event.afterMs)
    if (event.kind === 'firstAudio') this.#heard.firstAudioMs = round(event.afterMs)
    if (event.kind === 'rtpResumed') this.#onResumed(event.silentMs)
    if (event.kind === 'dtmf') this.#options.onProgress(`DTMF ${event.digit}`)
  }

  #onResumed(silentMs: number): void {
    if (this.#gapsMs.length < MAX_GAPS) this.#gapsMs.push(silentMs)
    this.#options.onProgress(`nothing came for ${silentMs} ms`)
  }
}

/** The outcome of an INVITE that is cancelled when the user has enough of waiting; from then on it has a moment to come. */
async function giveUpOn(signal: AbortSignal, invite: OutgoingInvite): Promise<InviteOutcome> {
  let timer: NodeJS.Timeout | undefined
  let cancel = (): void => undefined
  const given = new Promise<InviteOutcome>((resolve) => {
    cancel = () => {
      invite.cancel()
      timer = setTimeout(() => resolve({ kind: 'failed', message: 'given up' }), CANCEL_PATIENCE_MS)
    }
  })
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  try {
    return await Promise.race([invite.outcome, given])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancel)
  }
}

function finalOf(outcome: InviteOutcome, uri: string): { readonly status: number | null; readonly reason: string } {
  switch (outcome.kind) {
    case 'answered':
      return { status: 200, reason: 'OK' }
    case 'refused':
      // A 408 without a source is our own server's word that nothing came.
      if (outcome.source === null && outcome.status === 408)
        return { status: null, reason: `nobody answers at ${hostOf(uri)}` }
      return { status: outcome.status, reason: outcome.reason }
    case 'failed':
    case 'unusable':
    case 'unreachable':
      return { status: null, reason: outcome.message }
  }
}

const hostOf = (uri: string): string => {
  const target = hostOfUri(uri)
  return target === null ? uri : `${target.host}:${target.port}`
}
