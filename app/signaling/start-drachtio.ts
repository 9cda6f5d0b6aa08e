import { readFileSync } from 'node:fs'
import type { DrachtioChoice } from '../../lib/config/engines.ts'
import { WireTrace } from '../../lib/sip/wire-trace.ts'
import type { Parts } from '../parts.ts'
import type { SipTraceMessage } from '../sip/server.ts'
import { SipAccess } from './sip-access.ts'
import type { FrameTap, SipServerPlace } from './sip-connection.ts'
import { SipLink } from './sip-link.ts'
import type { Sip, SipOptions } from './sip-side.ts'
import { embeddedStrangers, StrangersAtDrachtio } from './strangers.ts'

/** A node that is started together with its drachtio-server waits for it so long. */
const PATIENCE_MS = 30_000

/** The admin sockets that the config names, with what it takes to connect. Throws where the file of the authority cannot be read. */
export function drachtioPlaces({ servers, secret, tls, ca }: DrachtioChoice): readonly SipServerPlace[] {
  const encrypted = tls ? { tls: { ...(ca !== null && { ca: readFileSync(ca, 'utf8') }) } } : {}
  return servers.map((server) => ({ ...server, secret, ...encrypted }))
}

/** Connects to a drachtio-server, which has the SIP sockets. What the embedded server does beyond its protocol is done here. */
export async function startDrachtio(
  engine: DrachtioChoice,
  { config, trusted, signal, judgeGuest }: SipOptions,
  parts: Parts,
): Promise<Sip> {
  const strangers = new StrangersAtDrachtio()
  const access = new SipAccess(config, trusted, (snapshot) => strangers.setAccess(snapshot))
  strangers.setAccess(access.snapshot)
  let traced: (batch: readonly SipTraceMessage[]) => void = () => undefined
  const connected = await SipLink.connect({
    servers: drachtioPlaces(engine),
    patienceMs: PATIENCE_MS,
    ...(signal !== undefined && { signal }),
    tap: (hostports) => traceTap(hostports, (batch) => traced(batch)),
  })
  if (!connected.ok) throw connected.error
  const link = connected.value
  parts.add('SIP link', () => link.close())
  return {
    link,
    access,
    strangers: judgeGuest == null ? strangers : embeddedStrangers({ judgeGuest }),
    embedded: null,
    counters: () => strangers.counters,
    certificates: () => [],
    onTrace: (listener) => {
      traced = listener
    },
  }
}

function traceTap(hostports: readonly string[], tell: (batch: readonly SipTraceMessage[]) => void): FrameTap {
  const trace = new WireTrace(hostports)
  return {
    sending: (payload) => trace.sending(payload),
    received: (payload) => {
      const message = trace.received(payload)
      if (message !== null) tell([{ atMs: Date.now(), ...message }])
    },
  }
}
