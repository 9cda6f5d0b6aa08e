import type { Config } from '../../lib/config/resolve.ts'
import type { NodeId, SessionId, TenantId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { RouteSnapshot } from '../../lib/route/snapshot.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import type { ResumePolicy } from '../../lib/session/session.ts'
import type { SharedState } from '../fleet/shared-state.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import type { Journal } from '../store/port.ts'
import type { DeadCall, SessionStore } from '../store/session-store.ts'
import type { Store } from '../store/store.ts'
import { CallSession, type CallSessionFacts, type CallSessionParts } from './call-session.ts'
import { CallerIndex } from './caller-index.ts'
import { InheritedSession, type InheritedSessionFacts } from './inherited-session.ts'
import { parkDead } from './park.ts'
import { Supersede } from './supersede.ts'
import { TakenSession, type TakenSessionFacts } from './taken-session.ts'

export interface SessionsOptions {
  readonly node: NodeId
  readonly journal: Pick<Journal, 'session' | 'item' | 'written'>
  readonly sessions: Pick<SessionStore, 'takeUp' | 'takeOver' | 'putBack' | 'items' | 'read' | 'park'>
  readonly shared: Pick<SharedState, 'get' | 'put' | 'delete' | 'onState' | 'publish' | 'subscribe'>
  readonly tenants: RouteSnapshot['tenants']
  /** Whether PostgreSQL is known to be away. */
  readonly isAway: () => boolean
  /** A leg without RTP for this long gives way to a new call of the same caller. */
  readonly supersedeMs: number
  readonly onError: (error: unknown) => void
}

/** How long PostgreSQL may take to have what was parked: what is asked for it is answered in less than this anyway. */
const WRITTEN_MS = 1_000

const NO_RESUME: ResumePolicy = { windowMs: 0, resumeOn: 'fault' }

interface StartParts {
  readonly config: Pick<Config, 'node' | 'fleet'>
  readonly store: Pick<Store, 'journal' | 'sessions' | 'shared' | 'state'>
  readonly routes: Pick<RouteSnapshot, 'tenants'>
  readonly log: Log
}

/** Starts the sessions part of a node. */
export async function startSessions({ config, store, routes, log }: StartParts, parts: Parts): Promise<Sessions> {
  const sessions = await Sessions.start({
    node: config.node.id,
    journal: store.journal,
    sessions: store.sessions,
    shared: store.shared,
    tenants: routes.tenants,
    supersedeMs: config.fleet.supersedeMs,
    isAway: () => store.state().postgresAway !== null,
    onError: (error) => log.log.debug({ err: error }, 'a session could not be looked up, or parked, in time'),
  })
  parts.add('sessions', () => sessions.close())
  return sessions
}

/** The sessions of a node's calls, and the way to those that calls anywhere were cut off from. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #index: CallerIndex
  readonly #supersede: Supersede
  readonly #lines: CallSessionParts['lines'] = new Map()
  readonly #asked = { count: 0 }
  #tenants: RouteSnapshot['tenants']
  #onParked: CallSessionParts['onParked'] = () => undefined

  private constructor(options: SessionsOptions) {
    const { node: self, shared, onError, tenants } = options
    this.#options = options
    this.#tenants = tenants
    this.#index = new CallerIndex(shared)
    this.#supersede = new Supersede({ self, shared, onError, giveWay: (session) => this.#giveWay(session) })
  }

  /** Hears from now on what other nodes ask; where the shared state is away, as soon as it is there. */
  static async start(options: SessionsOptions): Promise<Sessions> {
    const sessions = new Sessions(options)
    await sessions.#supersede.start()
    return sessions
  }

  /** By the config in force. */
  get tenants(): RouteSnapshot['tenants'] {
    return this.#tenants
  }

  /** From the next end of a call on. */
  setTenants(tenants: RouteSnapshot['tenants']): void {
    this.#tenants = tenants
  }

  /** Hears of each session of this node's calls that waits for a further call. */
  onParked(listener: CallSessionParts['onParked']): void {
    this.#onParked = listener
  }

  /** The session of a call that begins. */
  of(facts: CallSessionFacts): CallSession {
    return new CallSession(this.#partsFor(facts.tenant), facts)
  }

  /** The session of a call to which the agent of another one is handed on. */
  inherited(facts: InheritedSessionFacts): InheritedSession {
    return new InheritedSession(
      { lines: this.#lines, onParked: (session, call) => this.#onParked(session, call) },
      facts,
    )
  }

  /** The session of a live call that is taken over from a dead node. */
  ofTaken(facts: TakenSessionFacts): TakenSession {
    return new TakenSession({ ...this.#partsFor(facts.tenant), sessions: this.#options.sessions }, facts)
  }

  #partsFor(tenant: TenantId): CallSessionParts {
    const { journal, sessions, isAway, onError } = this.#options
    return {
      journal,
      sessions,
      index: this.#index,
      lines: this.#lines,
      asked: this.#asked,
      isAway,
      onError,
      policy: () => this.#policyOf(tenant),
      supersede: async ({ node, session }) => void (await this.#supersede.ask(node, session)),
      onParked: (session, call) => this.#onParked(session, call),
    }
  }

  /** Whether a session waits for a call; false where PostgreSQL cannot be asked. */
  async isParked(session: SessionId): Promise<boolean> {
    try {
      return (await this.#options.sessions.read(session))?.state === 'parked'
    } catch (error) {
      this.#options.onError(error)
      return false
    }
  }

  /** Parks the session of a call whose owner is gone, or ends it; see `parkDead`. */
  parkDead(dead: DeadCall, cause: EndCause, at: Date): Promise<SessionRow | null> {
    const parts = {
      sessions: this.#options.sessions,
      index: this.#index,
      policyOf: (id: TenantId) => this.#policyOf(id),
    }
    return parkDead(parts, dead, cause, at)
  }

  async close(): Promise<void> {
    await this.#index.close()
    await this.#supersede.close()
  }

  #policyOf(tenant: TenantId): ResumePolicy {
    return this.#tenants.get(tenant)?.resume ?? NO_RESUME
  }

  async #giveWay(session: SessionId): Promise<boolean> {
    const gaveWay = (await this.#lines.get(session)?.giveWay(this.#options.supersedeMs)) === true
    if (gaveWay) await this.#options.journal.written(WRITTEN_MS)
    return gaveWay
  }
}
