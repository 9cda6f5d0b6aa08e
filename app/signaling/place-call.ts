import type { CallId, NodeId, TrunkId } from '../../lib/core/ids.ts'
import type { CallLoad, GiveBack } from '../../lib/guard/call-load.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { type OutboundTrunk, requestUri } from '../../lib/route/outbound.ts'
import type { Placement, PlaceRequest } from '../../lib/route/place.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { serverName } from '../../lib/sip/rfc3263.ts'
import { orderByPriority } from '../../lib/sip/srv-order.ts'
import { escapeUser } from '../../lib/sip/uri-escapes.ts'
import type { HuntTarget } from '../../lib/trunk/attempt.ts'
import type { ServerLocator } from '../dns/server-locator.ts'
import type { KeyWrap } from '../key-wrap.ts'
import type { MediaEngine } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSessionFacts } from '../session/call-session.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Scheduler } from '../sip/scheduler.ts'
import type { Journal } from '../store/port.ts'
import type { TrunkChoice } from '../trunk/trunk-choice.ts'
import type { TrunkPlan } from '../trunk/trunk-plan.ts'
import { CallRecorder } from './call-recorder.ts'
import { firstRow } from './first-row.ts'
import type { AttemptReport } from './hunt.ts'
import { OutgoingCall } from './outgoing-call.ts'
import { SharedCall, type SharedCallParts } from './shared-call.ts'
import type { SipLink } from './sip-link.ts'
import type { SipTraceRouter } from './sip-trace.ts'

type Locator = Pick<ServerLocator, 'locate' | 'failed' | 'answered'>

export interface PlaceParts {
  readonly node: NodeId
  /** The address that callees are told. */
  readonly address: string
  readonly link: SipLink
  readonly media: MediaEngine
  readonly metrics: Metrics
  readonly journal: Journal
  readonly emit: EmitEvent
  readonly scheduler: Scheduler
  readonly load: CallLoad
  readonly trace: SipTraceRouter
  /** Which trunks are tried, and what hears of every attempt. */
  readonly choice: Pick<TrunkChoice, 'choose'>
  readonly locator: Locator
  /** Whether probes say that an address of a trunk takes calls; by `serverName`. */
  readonly answers: (trunk: TrunkId, target: string) => boolean
  readonly liveCalls: SharedCallParts['liveCalls']
  readonly keyWrap: Pick<KeyWrap, 'wrap' | 'unwrap'>
  readonly sessions: Pick<Sessions, 'of' | 'ofTaken'>
  /** Called once, with the Call-ID of every INVITE that left. */
  readonly onReleased: (recorder: CallRecorder, sipCallIds: readonly string[]) => void
}

/** What a call needs of the config in force, and of the limits in it. */
export interface PlaceContext {
  /** The tenant's agents, by name. */
  readonly agents: ReadonlyMap<string, CallAgent>
  /** Whether it goes on with what the callee was cut off from. */
  readonly resumes: CallSessionFacts['resumes']
  /** Where a call is recorded; null: nowhere. */
  readonly recording: (call: CallId) => NewRecording | null
  /** Every trunk by its id. */
  readonly outbound: ReadonlyMap<TrunkId, OutboundTrunk>
  /** Takes a place on a trunk; null where the trunk is at one of its limits. */
  readonly admit: (trunk: TrunkId) => GiveBack | null
}

/** Begins to ring a callee for an agent. */
export function placeCall(
  parts: PlaceParts,
  request: PlaceRequest,
  { tenant, from, to, trunks, group, agent: agentName }: Placement,
  { agents, resumes, recording, outbound, admit }: PlaceContext,
): { readonly call: OutgoingCall; readonly recorder: CallRecorder } {
  const { node, address, link, media, metrics, journal, emit, scheduler, load, trace, choice, locator, answers } = parts
  const raw = { from: request.from ?? from, to: request.to }
  const row = firstRow({ node, direction: 'outbound', parties: { tenant, trunk: null, from, to }, raw, sipCallId: '' })
  const recorder = CallRecorder.begin(journal, emit, row)
  const variables = { caller: from, called: to }
  const session = parts.sessions.of({ recorder, tenant, caller: to, resumes, agent: agentName, variables })
  const sipCallIds: string[] = []
  const leaveTenant = load.hold(null, tenant)
  /** Gives back the place on the trunk that is tried, or that took the call. */
  let leaveTrunk: GiveBack | null = null
  /** Made when the agent is ready: a call that gets no agent is nobody's canary. */
  let plan: TrunkPlan | null = null
  let released = false
  metrics.callStarted('outbound')
  const call = new OutgoingCall({
    link,
    scheduler,
    media,
    metrics,
    recorder,
    shared: new SharedCall(parts, recorder, session),
    recording: recording(recorder.id),
    choose: async () => {
      plan = await choice.choose(group, trunks)
      if (released) plan.end()
      return plan.order.flatMap(({ trunk }) => outbound.get(trunk) ?? [])
    },
    session,
    agent: () => session.open(agents),
    headers: { From: `<sip:${escapeUser(from)}@${address.includes(':') ? `[${address}]` : address}>` },
    admit: (trunk) => {
      leaveTrunk?.()
      leaveTrunk = admit(trunk)
      return leaveTrunk !== null
    },
    resolve: (trunk) => targetsOf(trunk, to, { locator, answers }),
    onSent: ({ trunk }, sipCallId) => {
      sipCallIds.push(sipCallId)
      trace.follow(sipCallId, recorder)
      recorder.update({ trunk: trunk.id, sip: { callId: sipCallId } })
    },
    onAttempt: (report) => {
      remember(report, locator)
      plan?.onAttempt(report, to)
    },
    onReleased: () => {
      released = true
      plan?.end()
      leaveTrunk?.()
      leaveTenant()
      parts.onReleased(recorder, sipCallIds)
    },
  })
  return { call, recorder }
}

/**
 * The addresses of a trunk: its targets by priority and weight, each with the servers that DNS has for it (RFC 3263). Those that
 * probes say are dead come last: they are tried where nothing else is left.
 */
async function targetsOf(
  trunk: OutboundTrunk,
  number: string,
  { locator, answers }: Pick<PlaceParts, 'locator' | 'answers'>,
): Promise<readonly HuntTarget[]> {
  const ordered = orderByPriority(trunk.targets, Math.random)
  const found = await locator.locate(
    ordered.map(({ uri }) => ({ ...uri, transport: uri.transport ?? trunk.transport, uri })),
  )
  const targets = found.map(({ to: { uri }, server }) => ({
    uri: requestUri(number, { uri, transport: trunk.transport }),
    server,
    probed: serverName(server),
  }))
  const isUp = ({ probed }: { readonly probed: string }): boolean => answers(trunk.id, probed)
  return [...targets.filter(isUp), ...targets.filter((target) => !isUp(target))]
}

/** What an attempt shows of the address that it went to: silence is its own, not the trunk's. */
function remember({ server, end }: AttemptReport, locator: Locator): void {
  if (server === null) return
  if (end.kind === 'transport' || end.kind === 'noReply') locator.failed(server)
  if (end.kind === 'response' || end.kind === 'answered') locator.answered(server)
}
