import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import type { Config } from '../../lib/config/resolve.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { takeLibraryConsole } from '../observe/library-console.ts'
import type { Log } from '../observe/log.ts'
import type { MediaServerFigures } from '../observe/media-metrics.ts'
import type { Parts } from '../parts.ts'
import { rtpBindAddress } from './bind-address.ts'
import { type EmbeddedMedia, startMedia } from './embedded/engine.ts'
import { type FreeSwitchOptions, startFreeSwitch } from './freeswitch/engine.ts'
import type { SipCaller } from './freeswitch/server.ts'
import type { MediaEngine } from './port.ts'

export interface MediaParts {
  readonly config: Config
  /** FreeSWITCH is called through it. */
  readonly sip: SipCaller
  readonly log: Log
  readonly emit: EmitEvent
}

/** The media of a running node. */
export interface NodeMedia {
  readonly engine: MediaEngine
  /** How the media workers fare. */
  readonly load: () => EmbeddedMedia['load']
  /** How the FreeSWITCH servers fare; none where the embedded workers carry the calls. */
  readonly servers: () => readonly MediaServerFigures[]
  /** Why no call could be carried now; null where one could. */
  readonly impediment: () => string | null
}

/** Starts the media engine that the config names. */
export async function startNodeMedia({ config, sip, log, emit }: MediaParts, parts: Parts): Promise<NodeMedia> {
  const { node, media } = config
  const { codecs, silenceTimeoutMs } = media
  const workers = media.workers === 'auto' ? availableParallelism() : media.workers
  const onWarning = (message: string): void => log.log.warn(message)
  if (media.engine.kind === 'freeswitch') {
    const { servers } = media.engine
    parts.add('console of libraries', takeLibraryConsole(log))
    const state = stateEvents(emit)
    const engine = await startFreeSwitch({ servers, sip, workers, codecs, silenceTimeoutMs, ...state, onWarning })
    parts.add('media', () => engine.close())
    return { engine, load: () => engine.load, servers: () => engine.servers, impediment: () => engine.impediment }
  }
  const engine = await startMedia({
    address: isIP(node.address) === 0 ? (await lookup(node.address)).address : node.address,
    bindAddress: await rtpBindAddress(config),
    rtpPorts: media.rtpPorts,
    workers,
    codecs,
    silenceTimeoutMs,
    onWarning,
  })
  parts.add('media', () => engine.close())
  return { engine, load: () => engine.load, servers: () => [], impediment: () => null }
}

/** Tells which media servers are lost and which are there again; one that is there from the start on is not told of. */
function stateEvents(emit: EmitEvent): Pick<FreeSwitchOptions, 'onConnected' | 'onLost'> {
  const lost = new Set<string>()
  return {
    onConnected: (server) => {
      if (lost.delete(server)) emit({ event: 'media.recovered', server })
    },
    onLost: (server, reason) => {
      lost.add(server)
      emit({ event: 'media.degraded', level: 'error', server, reason })
    },
  }
}
