import { type CodecName, eventLines, rtpMapLine } from './codecs.ts'
import { type AgreedMedia, reverse } from './offer-answer.ts'

/** Discard (RFC 863): where a media server is to send to while nobody has said where. */
const DISCARD_PORT = 9

/**
 * What was agreed with a far end, as an offer to a media server that is to speak with it (RFC 3725): the far end's address, one
 * codec, its direction.
 * @param version grows with each offer of a dialog that differs (RFC 3264 §8)
 */
export function relayOffer(agreed: AgreedMedia<CodecName>, sessionId: string, version: number): string {
  const { remote, telephoneEvent, codec, payloadType } = agreed
  const event = telephoneEvent?.send ?? null
  return describe({
    sessionId,
    version,
    address: remote?.address ?? '0.0.0.0',
    port: remote?.port ?? DISCARD_PORT,
    formats: [payloadType, ...(event === null ? [] : [event])],
    lines: [
      rtpMapLine(codec, payloadType),
      ...(event === null ? [] : eventLines(codec, event)),
      `a=ptime:${agreed.ptimeMs}`,
      `a=${remote === null ? 'inactive' : reverse(agreed.direction)}`,
    ],
  })
}

/**
 * An offer without a far end: the media server takes a port, and says which, before we make an offer of our own.
 * @param address an address where nobody minds a packet: our own
 */
export const placeholderOffer = (address: string, sessionId: string): string =>
  describe({
    sessionId,
    version: 1,
    address,
    port: DISCARD_PORT,
    formats: [0, 8, 101],
    lines: [
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
      'a=ptime:20',
      'a=inactive',
    ],
  })

/** A description without its `a=rtcp-mux` lines: a media server that does not do it is not to be answered for. */
export const withoutRtcpMux = (sdp: string): string => sdp.replace(/^a=rtcp-mux(?:-only)?\r?\n?/gm, '')

interface Parts {
  readonly sessionId: string
  readonly version: number
  readonly address: string
  readonly port: number
  readonly formats: readonly number[]
  readonly lines: readonly string[]
}

const describe = ({ sessionId, version, address, port, formats, lines }: Parts): string => {
  const ip = `IN IP${address.includes(':') ? 6 : 4} ${address}`
  return [
    'v=0',
    `o=- ${sessionId} ${version} ${ip}`,
    's=-',
    `c=${ip}`,
    't=0 0',
    `m=audio ${port} RTP/AVP ${formats.join(' ')}`,
    ...lines,
    '',
  ].join('\r\n')
}
