import assert from 'node:assert/strict'
import {
  byRoom,
  mediaRecord,
  parseChannel,
  parseStatus,
  retryDelayMs,
  serverFault,
} from '../../../lib/media/freeswitch-facts.ts'

const STATUS = `UP 0 years, 0 days, 0 hours, 3 minutes
FreeSWITCH (Version 1.10.12-release git a88d069 2024-08-02 21:02:27Z 64bit) is ready
12 session(s) since startup
3 session(s) - peak 4, last 5min 4
0 session(s) per Sec out of max 80, peak 2, last 5min 2
1200 session(s) max
min idle cpu 0.00/94.00
`

const SOFIA = `                     Name\t   Type\t                                      Data\tState
=================================================================================================
             drachtio_mrf\tprofile\t     sip:mod_sofia@127.0.0.1:5080\tRUNNING (0)
=================================================================================================
`

const USAGE =
  '-USAGE: <uuid> [start | stop ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000] [bugname] [metadata]'

describe('what FreeSWITCH says', () => {
  it('tells its load', () => {
    assert.deepEqual(parseStatus(STATUS), { sessions: 3, maxSessions: 1200 })
    assert.equal(parseStatus('-ERR no such command'), null)
  })

  it('tells whether it is of use', () => {
    const usage = `${USAGE} [bidirectionalAudio_enabled] [bidirectionalAudio_stream_enabled]\n`
    assert.equal(serverFault(SOFIA, usage), null)
    assert.match(serverFault(SOFIA, '-ERR uuid_audio_fork Command not found!\n') ?? '', /not loaded/)
    assert.match(serverFault(SOFIA, `${USAGE}\n`) ?? '', /does not play what we send/)
    assert.match(serverFault(SOFIA.replace('drachtio_mrf', 'internal'), usage) ?? '', /drachtio_mrf/)
    assert.match(serverFault(SOFIA.replace('RUNNING', 'DOWN'), usage) ?? '', /drachtio_mrf/)
  })

  it('tells of a channel what its streams were', () => {
    const dump = [
      'Event-Name: CHANNEL_DATA',
      'variable_rtp_audio_in_media_packet_count: 250',
      'variable_rtp_audio_in_skip_packet_count: 79',
      'variable_rtp_audio_in_jitter_loss_rate: 0.012',
      'variable_rtp_audio_in_jitter_max_variance: 6.25',
      'variable_rtp_audio_in_mos: 4.50',
      'variable_rtp_audio_out_media_packet_count: 300',
    ].join('\n')
    assert.deepEqual(mediaRecord('PCMA', parseChannel(dump)), {
      codec: 'PCMA',
      srtp: false,
      in: { packets: 250, lost: 3, jitterMs: 2.5, mos: 4.5 },
      out: { packets: 300, lost: 0, jitterMs: 0, mos: null },
    })
  })

  it('tells nothing of a channel that is gone', () => {
    const { in: heard, out } = mediaRecord('PCMU', parseChannel('-ERR No such channel!\n'))
    assert.deepEqual([heard.packets, heard.mos, out.packets], [0, null, 0])
  })
})

describe('several FreeSWITCH servers', () => {
  const server = (name: string, sessions: number, up = true) => ({ name, up, load: { sessions, maxSessions: 100 } })

  it('are tried by the room they have, without those that are full or down', () => {
    const servers = [server('busy', 90), server('full', 100), server('down', 0, false), server('idle', 10)]
    assert.deepEqual(
      byRoom(servers).map(({ name }) => name),
      ['idle', 'busy'],
    )
  })

  it('are tried again soon at first, and never more than 10 s apart', () => {
    assert.deepEqual(
      [1, 2, 3, 6, 1000].map((attempt) => retryDelayMs(attempt)),
      [500, 1000, 2000, 10_000, 10_000],
    )
  })
})
