import { Gauge, type Registry } from 'prom-client'

/** How a media worker fares. Counts are since its start, the other figures of the last minute at most. */
export interface MediaWorkerFigures {
  readonly worker: number
  readonly maxLagMs: number
  readonly skippedTicks: number
  readonly strangerPackets: number
  readonly forgedPackets: number
  readonly appendDelayP99Ms: number
  readonly agentFaults: Readonly<Record<string, number>>
}

/** How a FreeSWITCH of the config fares. */
export interface MediaServerFigures {
  /** `HOST:PORT` of its event socket. */
  readonly server: string
  readonly up: boolean
  /** Legs of this node on it. */
  readonly calls: number
  /** Sessions that it has, and allows, by its own word; 0 while it is not up. */
  readonly sessions: number
  readonly maxSessions: number
}

/** Where the figures of media come from. */
export interface MediaSources {
  readonly mediaWorkers?: () => readonly MediaWorkerFigures[]
  /** The media servers that the node does not run itself. */
  readonly mediaServers?: () => readonly MediaServerFigures[]
}

/** Gauges of media; their figures are asked for at each scrape. */
export function mediaGauges(register: Registry, sources: () => MediaSources): void {
  const workers = (): readonly MediaWorkerFigures[] => sources().mediaWorkers?.() ?? []

  const gauge = (name: string, help: string, read: (figures: MediaWorkerFigures) => number) =>
    new Gauge({
      name: `tandem_media_${name}`,
      help,
      labelNames: ['worker'],
      registers: [register],
      collect() {
        for (const figures of workers()) this.set({ worker: figures.worker }, read(figures))
      },
    })
  gauge('tick_lag_seconds', 'The latest that the packet clock was, of the last minute', (w) => w.maxLagMs / 1000)
  gauge('append_delay_p99_seconds', 'Caller audio in to WebSocket, p99, last minute', (w) => w.appendDelayP99Ms / 1000)
  gauge('ticks_skipped', 'Packet times given up since the worker began', (w) => w.skippedTicks)
  gauge('stranger_packets', 'RTP dropped because of its source since the worker began', (w) => w.strangerPackets)
  gauge('forged_packets', 'SRTP dropped that the far end did not make, since the worker began', (w) => w.forgedPackets)
  const faults = new Gauge({
    name: 'tandem_agent_faults',
    help: 'Faults that agents have met since the worker began, by name',
    labelNames: ['worker', 'fault'],
    registers: [register],
    collect() {
      for (const { worker, agentFaults } of workers())
        for (const [fault, count] of Object.entries(agentFaults)) faults.set({ worker, fault }, count)
    },
  })
  serverGauges(register, () => sources().mediaServers?.() ?? [])
}

function serverGauges(register: Registry, servers: () => readonly MediaServerFigures[]): void {
  const gauge = (name: string, help: string, read: (figures: MediaServerFigures) => number) =>
    new Gauge({
      name: `tandem_media_server_${name}`,
      help,
      labelNames: ['server'],
      registers: [register],
      collect() {
        for (const figures of servers()) this.set({ server: figures.server }, read(figures))
      },
    })
  gauge('up', 'Whether a FreeSWITCH would take calls of ours', ({ up }) => (up ? 1 : 0))
  gauge('calls', 'Legs of this node that a FreeSWITCH carries', ({ calls }) => calls)
  gauge('sessions', 'Sessions of a FreeSWITCH, those of others too', ({ sessions }) => sessions)
  gauge('max_sessions', 'How many sessions a FreeSWITCH allows', ({ maxSessions }) => maxSessions)
}
