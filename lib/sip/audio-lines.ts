import { type AgreedCodec, eventLines, rtpMapLine } from './codecs.ts'
import type { Direction, MediaSection } from './sdp.ts'

/** What an audio section of ours says. */
export interface AudioLines {
  readonly port: number
  readonly protocol: string
  readonly codecs: readonly AgreedCodec[]
  readonly telephoneEvent: number | null
  readonly ptimeMs: number
  readonly direction: Direction
  readonly rtcpMux: boolean
  /** Lines of `a=crypto`. */
  readonly crypto: readonly string[]
}

/** The section of a description, its `m=` line first. */
export function audioLines(audio: AudioLines): readonly string[] {
  const event = audio.telephoneEvent
  const formats = [...audio.codecs.map(({ payloadType }) => payloadType), ...(event === null ? [] : [event])]
  return [
    `m=audio ${audio.port} ${audio.protocol} ${formats.join(' ')}`,
    ...audio.codecs.map(({ name, payloadType }) => rtpMapLine(name, payloadType)),
    ...(event === null ? [] : eventLines(audio.codecs[0]?.name ?? 'PCMU', event)),
    `a=ptime:${audio.ptimeMs}`,
    `a=${audio.direction}`,
    ...(audio.rtcpMux ? ['a=rtcp-mux'] : []),
    ...audio.crypto,
  ]
}

/** RFC 3264 §6: a rejected stream has port 0; its formats are meaningless but must be there. */
export const rejectedLine = (section: MediaSection): string =>
  `m=${section.kind} 0 ${section.protocol} ${section.formats}`
