import type { Config } from '../../lib/config/resolve.ts'
import { parseStatus } from '../../lib/media/freeswitch-facts.ts'
import { EventSocket } from '../media/freeswitch/event-socket.ts'
import { inspect, type ServerAddress } from '../media/freeswitch/server.ts'
import { explainNetworkError, type Finding } from './finding.ts'

/** Each FreeSWITCH of the config: does it take our secret, and has it what calls need? One that does is enough for calls. */
export async function checkMediaEngine({ media }: Config): Promise<readonly Finding[]> {
  if (media.engine.kind === 'embedded') return []
  const findings = await Promise.all(media.engine.servers.map(checkServer))
  const none = findings.every(({ status }) => status !== 'ok')
  return none ? findings.map((finding) => ({ ...finding, status: 'error' as const })) : findings
}

async function checkServer(server: ServerAddress): Promise<Finding> {
  const base = { subject: 'media server', name: `${server.host}:${server.port}` } as const
  try {
    const socket = await EventSocket.connect({ ...server, onEnd: () => undefined })
    try {
      const fault = await inspect(socket)
      if (fault !== null) return { ...base, status: 'warning', detail: `media.engine: ${fault}` }
      const load = parseStatus(await socket.api('status'))
      const room = load === null ? '' : `, with ${load.sessions} of ${load.maxSessions} sessions`
      return { ...base, status: 'ok', detail: `takes us, has the profile and the modules${room}` }
    } finally {
      socket.close()
    }
  } catch (cause) {
    return { ...base, status: 'warning', detail: `media.engine: ${explainNetworkError(cause)}` }
  }
}
