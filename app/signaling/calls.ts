import type { CallOrder, OrderOutcome } from '../../lib/call/call-order.ts'
import type { LiveCall } from '../../lib/call/live-call.ts'
import type { CallId, TenantId, TrunkId } from '../../lib/core/ids.ts'
import type { Result } from '../../lib/core/result.ts'
import { CallLoad, type GiveBack } from '../../lib/guard/call-load.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { type Decision, decideInvite, drawRetryAfterS } from '../../lib/route/decide.ts'
import type { PlaceRefusal, PlaceRequest } from '../../lib/route/place.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { Impediment, RouteSnapshot } from '../../lib/route/snapshot.ts'
import { namedUuid } from '../../lib/sip/session-id.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import { routerQuestion } from '../route/question.ts'
import { Scheduler } from '../sip/scheduler.ts'
import type { SipTraceMessage } from '../sip/server.ts'
import type { AgentCall } from './agent-call.ts'
import { type AtOnce, answerAtOnce } from './answer-at-once.ts'
import { type BridgeTo, bridgeCall } from './bridge-call.ts'
import { CallRecorder } from './call-recorder.ts'
import type { CallsOptions } from './calls-options.ts'
import { DialDesk } from './dial-desk.ts'
import type { DialledCall } from './dialled-call.ts'
import { Door } from './door.ts'
import { firstRow } from './first-row.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import { moveCall } from './move-call.ts'
import { OutgoingCall } from './outgoing-call.ts'
import type { PlaceParts } from './place-call.ts'
import { PlaceDesk, type PlaceOptions } from './place-desk.ts'
import type { ProxiedCall } from './proxied-call.ts'
import type { ReturnedCall } from './returned-call.ts'
import { SipTraceRouter } from './sip-trace.ts'
import type { MoveOutcome, TakenCall } from './taken-call.ts'
import { tellEnd } from './tell-end.ts'
import { TransferDesk } from './transfer-desk.ts'
import { WaitingCall } from './waiting-call.ts'

const TRACE_SWEEP_MS = 1_000

/** All calls of this node: takes INVITEs, gives each what lib/route decides, and knows who is on the line. */
export class Calls {
  readonly #trace = new SipTraceRouter()
  readonly #options: CallsOptions
  readonly #live = new Map<
    CallId,
    AgentCall | DialledCall | OutgoingCall | ProxiedCall | ReturnedCall | TakenCall | WaitingCall
  >()
  readonly #load = new CallLoad()
  readonly #scheduler = new Scheduler(() => performance.now())
  readonly #sweeper: NodeJS.Timeout
  readonly #placing: PlaceParts
  readonly #placer: PlaceDesk
  readonly #door: Door
  readonly #dials: DialDesk
  #routes: Routes
  #draining = false
  #whenIdle: (() => void) | null = null

  constructor(options: CallsOptions) {
    this.#options = options
    this.#routes = options.routes
    const hunt = { ...options, scheduler: this.#scheduler, trace: this.#trace }
    this.#placing = {
      ...hunt,
      load: this.#load,
      desk: new TransferDesk({
        hunt,
        facts: () => this.#snapshot(),
        admit: (trunk) => this.#admitOnto(trunk),
        follow: (order) => this.#placer.follow(order),
      }),
      onReleased: (recorder, sipCallIds) => this.#onReleased(recorder, sipCallIds),
    }
    this.#placer = new PlaceDesk(this.#placing, {
      snapshot: () => this.#snapshot(),
      admit: (trunk) => this.#admitOnto(trunk),
      recording: (call, tenant) => this.#recording(call, tenant),
      adopt: (id, call) => this.#live.set(id, call),
    })
    this.#dials = new DialDesk(this.#placing, {
      routes: () => this.#routes,
      admit: (trunk) => this.#admitOnto(trunk),
      recording: (call, tenant) => this.#recording(call, tenant),
      onAudio: options.onAudio,
      adopt: (id, call) => this.#live.set(id, call),
    })
    this.#sweeper = setInterval(() => this.#trace.sweep(performance.now()), TRACE_SWEEP_MS).unref()
    options.link.onInvite((invite) => this.#onInvite(invite))
    this.#door = new Door(options)
    options.link.onOptions((request) => this.#door.answerOptions(request, this.#snapshot()))
    options.link.onState(({ up }) => {
      if (!up) for (const call of [...this.#live.values()]) call.lost()
    })
  }

  get count(): number {
    return this.#live.size
  }

  get draining(): boolean {
    return this.#draining
  }

  /** SIP messages as they passed the wire, for the ladders. */
  onTrace(batch: readonly SipTraceMessage[]): void {
    const nowMs = performance.now()
    for (const { atMs, callId, ...message } of batch)
      this.#trace.take(callId, { at: new Date(atMs), ...message }, nowMs)
  }

  /** From the next INVITE on; calls on the line keep what they have. */
  setRoutes(routes: Routes): void {
    this.#routes = routes
    this.#load.forgetRates()
  }

  /** Why a new call would be refused now; empty: it would be served. */
  impediments(): ReadonlySet<Impediment> {
    const found = new Set(this.#options.impediments())
    if (this.#draining) found.add('draining')
    const { away } = this.#options.agents
    const tenants = [...this.#routes.tenants.values()]
    if (tenants.length > 0 && tenants.every(({ agent }) => away.has(agent))) found.add('agent')
    return found
  }

  /** See `PlaceDesk`. */
  place(request: PlaceRequest, options: PlaceOptions = {}): Result<CallRow, PlaceRefusal> {
    return this.#placer.place(request, options)
  }

  /**
   * Takes a live call over from a dead node; resolves as soon as it is certain, never rejects. `row` is its record as PostgreSQL has given it to
   * this node, in a term of its own. A call that is refused is the caller's to close.
   */
  move(entry: LiveCall, row: CallRow): Promise<MoveOutcome> {
    const context = {
      routes: this.#routes,
      recording: (tenant: TenantId): NewRecording | null => this.#recording(row.id, tenant),
    }
    const isAble = this.#options.link.importsDialogs && this.impediments().size === 0
    const moving = isAble && !this.#live.has(row.id) ? moveCall(this.#placing, { entry, row }, context) : null
    if (moving === null) return Promise.resolve('refused')
    this.#live.set(row.id, moving.call)
    return moving.outcome
  }

  /** Has done to a call on the line what an operator wants. */
  obey(id: CallId, order: CallOrder): OrderOutcome {
    const call = this.#live.get(id)
    if (call === undefined) return { kind: 'absent' }
    if (order.kind === 'transfer') return call.transfer({ ...BY_OPERATOR, to: order.to })
    call.hangUp('operator', 'normal')
    return { kind: 'done' }
  }

  /** Hangs up a call that we place, where nobody has answered it. */
  giveUp(id: CallId): void {
    const call = this.#live.get(id)
    if (call instanceof OutgoingCall) call.giveUp()
  }

  /** Whether a call is on the line of this node. */
  has(id: CallId): boolean {
    return this.#live.has(id)
  }

  /** The calls on the line, and in which term this node writes each. */
  get terms(): ReadonlyMap<CallId, number> {
    return new Map([...this.#live].map(([id, call]) => [id, call.epoch]))
  }

  /** Nothing is sent any more on the calls that are on the line now, or it is again. */
  mute(muted: boolean): void {
    for (const call of this.#live.values()) call.mute(muted)
  }

  /** The call is another node's, and dropped without a word. */
  fence(id: CallId): void {
    this.#live.get(id)?.fence()
  }

  /** Takes no new calls; resolves when the last one has ended, or after `limitMs`, when those left are hung up. */
  async drain(limitMs: number): Promise<void> {
    this.#draining = true
    const idle = this.#idle()
    const timer = setTimeout(() => this.#hangUpAll(), limitMs)
    await idle
    clearTimeout(timer)
  }

  /** Hangs up whoever is left and resolves when every record is closed. */
  async close(): Promise<void> {
    this.#draining = true
    const idle = this.#idle()
    this.#hangUpAll()
    await idle
    clearInterval(this.#sweeper)
    this.#scheduler.close()
  }

  #idle(): Promise<void> {
    if (this.#live.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#whenIdle
      this.#whenIdle = () => {
        before?.()
        resolve()
      }
    })
  }

  #hangUpAll(): void {
    for (const call of [...this.#live.values()]) call.hangUp('system', 'limit')
  }

  #onInvite(invite: IncomingInvite): void {
    const decision = decideInvite(invite.facts, this.#snapshot(), Math.random())
    if (decision.kind === 'challenge') return this.#door.challenge(invite, decision.stale)
    if (decision.kind === 'ignore') return this.#door.ignore(invite, decision.why)
    const { node, redirectExpiresMs, metrics } = this.#options
    const raw = { from: invite.header('From') ?? '', to: invite.facts.uri }
    const first = firstRow({ node, direction: 'inbound', parties: decision, raw, sipCallId: invite.sipCallId })
    invite.sessionIds.speakFor(() => namedUuid(first.id))
    const row: CallRow = { ...first, sip: { ...first.sip, sessionId: invite.sessionIds.header } }
    metrics.callStarted('inbound')
    const atOnce = answerAtOnce(invite, decision, redirectExpiresMs)
    if (atOnce !== null) return this.#answerAtOnce(invite, row, atOnce)
    const recorder = this.#record(invite, row)
    if (decision.kind === 'bridge') this.#route(invite, recorder, decision)
  }

  /** A call that never gets beyond its INVITE: one answer, and a record that is complete when it is made. */
  #answerAtOnce(invite: IncomingInvite, row: CallRow, { status, reason, headers, event, end }: AtOnce): void {
    invite.respond(status, reason, headers)
    const recorder = this.#record(invite, { ...row, state: 'ended', endedAt: new Date(), end })
    recorder.event(event)
    recorder.event({ event: 'call.ended', by: end.by, sip: end.sip, cause: end.cause })
    this.#trace.release(invite.sipCallId, performance.now())
    tellEnd(recorder.row, this.#options)
  }

  #record(invite: IncomingInvite, row: CallRow): CallRecorder {
    const { journal, emit } = this.#options
    const recorder = CallRecorder.begin(journal, emit, row)
    this.#trace.follow(invite.sipCallId, recorder)
    recorder.event({ event: 'call.incoming', from: row.from, to: row.to, sipSessionId: invite.sessionIds.header })
    return recorder
  }

  #route(invite: IncomingInvite, recorder: CallRecorder, decision: Extract<Decision, { kind: 'bridge' }>): void {
    const { trunk, tenant, agent } = decision
    const agents = tenant === null ? undefined : this.#routes.agents.get(tenant)
    if (tenant === null || agents === undefined) throw new Error('a call for no tenant: the decision refuses those')
    const giveBack = this.#load.hold(trunk, tenant)
    const onReleased = (more: readonly string[] = []): void => {
      giveBack()
      this.#onReleased(recorder, [invite.sipCallId, ...more])
    }
    const bridge = (name: string | null, variables: Readonly<Record<string, string>>): void =>
      this.#bridge(invite, recorder, {
        trunk,
        tenant,
        agents,
        agent: name ?? agent,
        variables,
        onReleased: () => onReleased(),
      })
    const { router, trunkStates, peers, region, redirectExpiresMs, metrics } = this.#options
    const snapshot = () => ({ trunks: this.#routes.trunks, trunkStates: trunkStates(), peers: peers(), region })
    const verdict = router?.ask(() => routerQuestion(invite, recorder.row, agent, snapshot()))
    if (router === undefined || verdict === undefined || verdict === null) return bridge(null, {})
    const waiting = new WaitingCall({
      ...{ invite, recorder, verdict, metrics, redirectExpiresMs, onReleased },
      onBridge: bridge,
      planOf: (dial) => this.#dials.plan(dial, tenant),
      onDial: (plan) => {
        const call = this.#dials.begin({ invite, recorder, plan }, { trunk, tenant, onReleased })
        this.#live.set(recorder.id, call)
      },
      onProxy: (wish) => this.#live.set(recorder.id, this.#dials.proxy(wish, { invite, recorder }, onReleased)),
      hasAgent: (name) => agents.has(name),
      levelOf: (code) => router.levelOf(code),
      retryAfterS: () => drawRetryAfterS(this.#routes.retryAfterS, Math.random()),
    })
    this.#live.set(recorder.id, waiting)
  }

  #bridge(invite: IncomingInvite, recorder: CallRecorder, to: BridgeTo): void {
    const call = bridgeCall(this.#placing, to, {
      invite,
      recorder,
      srtp: this.#routes.srtp.get(to.trunk) ?? 'off',
      recording: this.#recording(recorder.id, to.tenant),
      retryAfterS: () => drawRetryAfterS(this.#routes.retryAfterS, Math.random()),
    })
    this.#live.set(recorder.id, call)
  }

  /** Where a call of a tenant is recorded; null where the tenant has it not so. */
  #recording(call: CallId, tenant: TenantId | null): NewRecording | null {
    if (tenant === null || this.#routes.tenants.get(tenant)?.recorded !== true) return null
    return this.#options.recordings.begin(call, tenant)
  }

  #onReleased(recorder: CallRecorder, sipCallIds: readonly string[]): void {
    const { row } = recorder
    this.#live.delete(row.id)
    for (const sipCallId of sipCallIds) this.#trace.release(sipCallId, performance.now())
    tellEnd(row, this.#options)
    if (this.#live.size === 0) this.#whenIdle?.()
  }

  #snapshot(): Routes & RouteSnapshot {
    return {
      ...this.#routes,
      impediments: this.impediments(),
      trunkStates: this.#options.trunkStates(),
      region: this.#options.region,
      peers: this.#options.peers(),
      agentsAway: this.#options.agents.away,
      authenticate: (request) => this.#door.authenticate(request, this.#routes.sbcAccounts),
      ...this.#load.view(this.#routes, performance.now()),
    }
  }

  /** A place on a trunk for a call of ours, by the limits in force now. */
  #admitOnto(trunk: TrunkId): GiveBack | null {
    const channels = this.#routes.trunks.find(({ id }) => id === trunk)?.channels ?? null
    return this.#load.takeTrunk(trunk, channels, this.#routes, performance.now())
  }
}

/** The caller goes straight to whom an operator names, for as long as it may ring. */
const BY_OPERATOR = { by: 'operator', name: null, attended: false, ringTimeoutMs: null, toolCall: null } as const
