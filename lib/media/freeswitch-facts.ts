import type { MediaRecord, StreamStats } from '../observe/call-record.ts'

/** What FreeSWITCH says of itself and of a channel, read from the texts of its commands. */

/** How busy a server is. */
export interface ServerLoad {
  readonly sessions: number
  readonly maxSessions: number
}

/** Reads the answer to `status`; null where it is none. */
export function parseStatus(text: string): ServerLoad | null {
  const sessions = /^(\d+) session\(s\) - peak/m.exec(text)?.[1]
  const max = /^(\d+) session\(s\) max/m.exec(text)?.[1]
  return sessions === undefined || max === undefined ? null : { sessions: Number(sessions), maxSessions: Number(max) }
}

/**
 * Why a server is of no use to us, by its answers to `sofia status` and to `uuid_audio_fork` without arguments; null where it is.
 * drachtio-fsmrf looks for the profile, and throws out of a callback where it is missing: so it is looked for before.
 */
export function serverFault(sofiaStatus: string, forkUsage: string): string | null {
  if (!/^\s*drachtio_mrf\s.*sip:mod_sofia@(?:[0-9]{1,3}\.){3}[0-9]{1,3}:\d+.*RUNNING/m.test(sofiaStatus)) {
    return 'it has no running SIP profile named drachtio_mrf with an IPv4 address'
  }
  if (!forkUsage.startsWith('-USAGE')) return 'mod_audio_fork is not loaded'
  if (forkUsage.includes('bidirectionalAudio_stream')) return null
  return 'its mod_audio_fork does not play what we send; that of jambonz/freeswitch-modules does'
}

/** Variables of a channel, as `uuid_dump` tells them: names without their prefix. */
export function parseChannel(dump: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of dump.split('\n')) {
    const colon = line.indexOf(': ')
    if (line.startsWith('variable_') && colon > 0)
      found.set(line.slice('variable_'.length, colon), line.slice(colon + 2))
  }
  return found
}

/** RTP packets with audio that the far end has sent so far. */
export const packetsIn = (channel: ReadonlyMap<string, string>): number =>
  numberOf(channel, 'rtp_audio_in_media_packet_count')

/**
 * What the streams of a channel were. FreeSWITCH tells loss as a rate of what came, reckoned anew every 5 s, and jitter as its
 * greatest variance; its skipped packets are reads that found none, a hold's for instance, and no loss. Of what the far end received
 * it tells nothing, as its profile sends no RTCP.
 */
export function mediaRecord(codec: string, channel: ReadonlyMap<string, string>): MediaRecord {
  const quality = numberOf(channel, 'rtp_audio_in_mos')
  const heard: StreamStats = {
    packets: packetsIn(channel),
    lost: Math.round(packetsIn(channel) * numberOf(channel, 'rtp_audio_in_jitter_loss_rate')),
    jitterMs: Math.round(Math.sqrt(numberOf(channel, 'rtp_audio_in_jitter_max_variance')) * 10) / 10,
    mos: quality > 0 ? quality : null,
  }
  const packets = numberOf(channel, 'rtp_audio_out_media_packet_count')
  return { codec, srtp: false, in: heard, out: { packets, lost: 0, jitterMs: 0, mos: null } }
}

function numberOf(channel: ReadonlyMap<string, string>, name: string): number {
  const value = Number(channel.get(name) ?? 0)
  return Number.isFinite(value) && value >= 0 ? value : 0
}

/** The servers that could take the next call: the one with the most room first. */
export function byRoom<T extends { readonly load: ServerLoad; readonly up: boolean }>(
  servers: readonly T[],
): readonly T[] {
  const room = ({ load }: T): number => load.maxSessions - load.sessions
  return servers.filter((server) => server.up && room(server) > 0).sort((a, b) => room(b) - room(a))
}

const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 10_000

/** How long after its `attempt`th failure in a row, from 1, a server is tried again. */
export const retryDelayMs = (attempt: number): number =>
  Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(attempt - 1, 10))
