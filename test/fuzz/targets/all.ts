import type { Target } from '../target.ts'
import { CONFIG, DNS, REALTIME } from './documents.ts'
import { MEDIA_SERVER, RTP } from './media.ts'
import { SDP } from './sdp.ts'
import { SIP_MESSAGE } from './sip-message.ts'
import { STREAM, WIRE } from './stream.ts'
import { VALUE } from './values.ts'

/** Everything that takes bytes of strangers, the dearest part of the time for what anybody can send us. */
export const TARGETS: readonly Target[] = [
  SIP_MESSAGE,
  STREAM,
  VALUE,
  SDP,
  WIRE,
  RTP,
  MEDIA_SERVER,
  REALTIME,
  CONFIG,
  DNS,
]
