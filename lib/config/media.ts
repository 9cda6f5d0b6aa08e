import * as z from 'zod'
import { parseMediaEngine } from './engines.ts'
import { duration, section } from './units.ts'
import { count, portRange, text } from './values.ts'

/** `media`: RTP and its codecs. */
export const media = section({
  engine: text(parseMediaEngine, '"embedded" or freeswitch://:SECRET@HOST:PORT,HOST:PORT')
    .prefault('embedded')
    .describe('Media server: embedded, or freeswitch://:SECRET@HOST:PORT,HOST:PORT with one server or several.'),
  rtpPorts: portRange.prefault('20000-20999').describe('UDP ports for RTP and RTCP, a pair for each leg.'),
  codecs: z
    .array(z.enum(['PCMU', 'PCMA', 'G722', 'opus']))
    .min(1)
    .default(['PCMU', 'PCMA', 'G722', 'opus'])
    .describe('Codecs in the order of preference.'),
  srtp: z
    .enum(['off', 'optional', 'required'])
    .default('optional')
    .describe(
      'Encryption of RTP by keys in SDP (RFC 4568). optional: where the far end offers it; calls over TLS offer it first. FreeSWITCH: never.',
    ),
  workers: z
    .union([z.literal('auto'), count(1, 256)])
    .default('auto')
    .describe('Worker threads for RTP and agents; auto: one for each core.'),
  silenceTimeout: duration(
    '30s',
    'A call with neither RTP nor RTCP for this long is ended; a leg on hold is excepted.',
  ),
  inbandDtmf: z.boolean('true or false').default(false).describe('Also hear DTMF in the audio itself.'),
})
