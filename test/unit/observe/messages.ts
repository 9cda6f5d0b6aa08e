import { callId, nodeId } from '../../../lib/core/ids.ts'
import type { TandemEvent } from '../../../lib/observe/event.ts'
import type { SipTrace } from '../../../lib/observe/sip-trace.ts'

/** 2026-01-01T00:00:00Z, the start of every call in these tests. */
export const START_MS = Date.UTC(2026, 0, 1)

export const OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 192.0.2.11',
  's=-',
  'c=IN IP4 192.0.2.11',
  't=0 0',
  'm=audio 4000 RTP/AVP 0 8 101',
  'a=rtpmap:101 telephone-event/8000',
  '',
].join('\r\n')

interface MessageParts {
  readonly atMs: number
  readonly direction: 'in' | 'out'
  readonly start: string
  readonly cseq: string
  readonly dialog?: string
  readonly remote?: string
  readonly headers?: readonly string[]
  readonly sdp?: string
}

export function trace(parts: MessageParts): SipTrace {
  const lines = [
    parts.start,
    `Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-${parts.cseq.replace(' ', '-')}`,
    `Call-ID: ${parts.dialog ?? 'a@192.0.2.11'}`,
    `CSeq: ${parts.cseq}`,
    ...(parts.headers ?? []),
    ...(parts.sdp === undefined ? [] : ['Content-Type: application/sdp']),
    '',
    parts.sdp ?? '',
  ]
  return {
    at: new Date(START_MS + parts.atMs),
    direction: parts.direction,
    protocol: 'udp',
    local: '192.0.2.1:5060',
    remote: parts.remote ?? '192.0.2.11:5080',
    message: lines.join('\r\n'),
  }
}

export function event(atMs: number, name: TandemEvent['event'], fields: Record<string, unknown> = {}): TandemEvent {
  return {
    id: 'east-1-1',
    at: new Date(START_MS + atMs).toISOString(),
    node: nodeId('east-1'),
    level: 'info',
    event: name,
    call: callId('01J00000000000000000000000'),
    ...fields,
  }
}
