import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { callId, legId } from '../../lib/core/ids.ts'
import type { MediaRecord } from '../../lib/observe/call-record.ts'
import { withDeadline } from '../deadline.ts'
import { startMedia } from '../media/embedded/engine.ts'
import type { LegEvent, MediaLeg } from '../media/port.ts'
import { Parts } from '../parts.ts'
import { hostOfUri, type InviteOutcome, type OutgoingInvite } from '../signaling/outgoing-invite.ts'
import type { SipDialog } from '../signaling/sip-dialog.ts'
import { SipLink } from '../signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../sip/server.ts'
import { newUlid } from '../ulid.ts'
import { VERSION } from '../version.ts'
import { phoneAddress } from './phone-address.ts'
import { speak } from './speak.ts'
import { CallTimings, type Timings } from './timings.ts'

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
  readonly media: MediaRecord | null
  readonly recordFile: string | null
}

/** Speech recognisers take recordings of this rate as they are. */
const RECORDING_RATE_HZ = 16_000
/** Nothing at all has come for so long: whoever waits is told. */
const SILENCE_MS = 2_000
const BYE_PATIENCE_MS = 500
/** A far end that has said nothing yet cannot be cancelled, and may go on so for minutes. */
const CANCEL_PATIENCE_MS = 1_000
/** Its own range, away from that of a node on the same machine. */
const RTP_PORTS = { from: 28_000, to: 28_999 }

/** Places one call on a SIP server and media engine of its own, and gives both back. */
export async function placeCall(options: PhoneOptions): Promise<PhoneReport> {
  const target = hostOfUri(options.uri)
  if (target === null) throw new Error(`"${options.uri}" is no SIP URI; sip:+15550100@127.0.0.1:5060 is one`)
  const parts = new Parts(() => undefined)
  try {
    const address = await localAddressTowards(target.host, target.port)
    const media = await startMedia({
      address,
      rtpPorts: RTP_PORTS,
      workers: 1,
      codecs: ['PCMU', 'PCMA'],
      agentTalkerModule: null,
      silenceTimeoutMs: options.seconds * 1_000 + 60_000,
    })
    parts.add('media', () => media.close())
    const secret = randomBytes(16).toString('hex')
    const bound = address.includes(':') ? `[${address}]` : address
    const sip = await startSipServer({
      listen: [`udp:${bound}:0`, `tcp:${bound}:0`],
      advertise: address,
      userAgent: `Tandem-phone/${VERSION}`,
      secret,
      unknown: 'drop',
      trace: true,
    })
    parts.add('SIP server', () => sip.close())
    const link = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret }] })
    if (!link.ok) throw link.error
    parts.add('SIP link', () => link.value.close())
    return await new Call(options, media, link.value, sip, bound).run()
  } finally {
    await parts.close()
  }
}

type Answered = Extract<InviteOutcome, { kind: 'answered' }>
type Media = Awaited<ReturnType<typeof startMedia>>

/** One call, from INVITE to BYE. */
class Call {
  readonly #options: PhoneOptions
  readonly #media: Media
  readonly #link: SipLink
  /** Our host as URIs have it. */
  readonly #host: string
  readonly #timings = new CallTimings()

  constructor(options: PhoneOptions, media: Media, link: SipLink, sip: SipServer, host: string) {
    this.#options = options
    this.#media = media
    this.#link = link
    this.#host = host
    sip.onTrace((batch) => {
      for (const message of batch) this.#timings.onMessage(message)
    })
  }

  async run(): Promise<PhoneReport> {
    const { uri, from, playFile, say, digits, recordFile, signal, onProgress } = this.#options
    const id = callId(newUlid())
    const leg = await this.#media.open({
      callId: id,
      legId: legId(`${id}.b`),
      talker: {
        kind: 'phone',
        ...(playFile !== undefined && { playFile }),
        ...(say !== undefined && { playSamples: await speak(say) }),
        ...(digits !== undefined && { digits }),
        ...(recordFile !== undefined && { recordFile, recordRateHz: RECORDING_RATE_HZ }),
      },
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
    const invite = this.#link.invite({
      uri,
      sdp: await leg.offer(),
      followRedirects: true,
      headers: { From: `<sip:${from}@${this.#host}>` },
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
      timings: this.#timings.read(),
      media,
      recordFile: recordFile ?? null,
    }
  }

  async #converse(leg: MediaLeg, { dialog, answer }: Answered): Promise<'phone' | 'far end'> {
    const { onProgress } = this.#options
    dialog.onReoffer((reoffer) => reoffer.refuse(488, 'Not Acceptable Here'))
    const accepted = await leg.accept(answer)
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
    if (event.kind === 'firstPacket') this.#timings.firstPacketMs = event.afterMs
    if (event.kind === 'firstAudio') this.#timings.firstAudioMs = event.afterMs
    if (event.kind === 'dtmf') this.#options.onProgress(`DTMF ${event.digit}`)
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

/** The address of this machine that packets to a host leave from: what Contact and SDP must name. */
async function localAddressTowards(host: string, port: number): Promise<string> {
  const name = host.replace(/^\[|\]$/g, '')
  const socket = createSocket(name.includes(':') ? 'udp6' : 'udp4')
  try {
    // Connecting a UDP socket sends nothing; it only asks the routing table.
    socket.connect(port, name)
    await once(socket, 'connect')
    const { address } = socket.address()
    return phoneAddress(address)
  } finally {
    socket.close()
  }
}
