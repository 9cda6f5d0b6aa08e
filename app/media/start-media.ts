import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import type { Config } from '../../lib/config/resolve.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { rtpBindAddress } from './bind-address.ts'
import { type EmbeddedMedia, startMedia } from './embedded/engine.ts'
import { startFreeSwitch } from './freeswitch/engine.ts'
import type { SipCaller } from './freeswitch/server.ts'
import type { MediaEngine } from './port.ts'

export interface MediaParts {
  readonly config: Config
  /** FreeSWITCH is called through it. */
  readonly sip: SipCaller
  readonly log: Log
}

/** The media of a running node. */
export interface NodeMedia {
  readonly engine: MediaEngine
  /** How the embedded workers fare; none where FreeSWITCH carries the calls. */
  readonly load: () => EmbeddedMedia['load']
  /** Why no call could be carried now; null where one could. */
  readonly impediment: () => string | null
}

/** Starts the media engine that the config names. */
export async function startNodeMedia({ config, sip, log }: MediaParts, parts: Parts): Promise<NodeMedia> {
  const { node, media } = config
  const { codecs, silenceTimeoutMs } = media
  const onWarning = (message: string): void => log.log.warn(message)
  if (media.engine.kind === 'freeswitch') {
    const { servers } = media.engine
    const onConnected = (server: string): void => log.log.info({ server }, 'FreeSWITCH is connected')
    const engine = await startFreeSwitch({ servers, sip, codecs, silenceTimeoutMs, onConnected, onWarning })
    parts.add('media', () => engine.close())
    return { engine, load: () => [], impediment: () => engine.impediment }
  }
  const engine = await startMedia({
    address: isIP(node.address) === 0 ? (await lookup(node.address)).address : node.address,
    bindAddress: await rtpBindAddress(config),
    rtpPorts: media.rtpPorts,
    workers: media.workers === 'auto' ? availableParallelism() : media.workers,
    codecs,
    silenceTimeoutMs,
    onWarning,
  })
  parts.add('media', () => engine.close())
  return { engine, load: () => engine.load, impediment: () => null }
}
