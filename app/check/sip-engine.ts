import type { Config } from '../../lib/config/resolve.ts'
import { SipConnection } from '../signaling/sip-connection.ts'
import { drachtioPlaces } from '../signaling/start-drachtio.ts'
import type { Finding } from './finding.ts'

/** Each drachtio-server of the config: does it take our secret, and where does it listen? One that does is enough for calls. */
export async function checkSipEngine({ sip }: Config): Promise<readonly Finding[]> {
  if (sip.engine.kind === 'embedded') return []
  const { ca } = sip.engine
  let places: ReturnType<typeof drachtioPlaces>
  try {
    places = drachtioPlaces(sip.engine)
  } catch (cause) {
    const detail = `sip.engine: ${cause instanceof Error ? cause.message : String(cause)}`
    return [{ subject: 'SIP server', name: ca ?? '', status: 'error', detail }]
  }
  const findings = await Promise.all(places.map(checkPlace))
  const none = findings.every(({ status }) => status !== 'ok')
  return none ? findings.map((finding) => ({ ...finding, status: 'error' as const })) : findings
}

async function checkPlace(place: ReturnType<typeof drachtioPlaces>[number]): Promise<Finding> {
  const base = { subject: 'SIP server', name: `${place.host}:${place.port}` } as const
  const opened = await SipConnection.open(place, { onLost: () => undefined })
  if (!opened.ok) return { ...base, status: 'warning', detail: `sip.engine: ${opened.error.message}` }
  const { hostports } = opened.value
  opened.value.close()
  return { ...base, status: 'ok', detail: `takes us, and listens on ${hostports.join(', ')}` }
}
