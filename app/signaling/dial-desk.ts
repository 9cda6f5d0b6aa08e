import type { CallId, TenantId, TrunkId } from '../../lib/core/ids.ts'
import type { Result } from '../../lib/core/result.ts'
import type { GiveBack } from '../../lib/guard/call-load.ts'
import { drawRetryAfterS } from '../../lib/route/decide.ts'
import { type DialPlan, type DialTarget, planDial } from '../../lib/route/dial.ts'
import type { RouterDial, RouterProxy } from '../../lib/route/router.ts'
import type { CallAgent, Routes } from '../../lib/route/routes.ts'
import type { ShownCaller } from '../../lib/sip/caller-identity.ts'
import { namedUuid, type SessionUuid } from '../../lib/sip/session-id.ts'
import type { CallAudio } from '../../lib/trunk/media-channel.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import { newAudio } from './agent-leg.ts'
import type { CallRecorder } from './call-recorder.ts'
import { type Callee, CalleeHunt } from './callee-hunt.ts'
import { DialledCall } from './dialled-call.ts'
import type { StrandedCaller } from './dialled-call-parts.ts'
import { hopsLeft, type IncomingInvite } from './incoming-invite.ts'
import type { PlaceParts } from './place-call.ts'
import { ProxiedCall } from './proxied-call.ts'
import { ReturnedCall } from './returned-call.ts'
import { SharedCall } from './shared-call.ts'

/** What putting callers through needs of the config in force, and of the limits in it. */
export interface DialRules {
  readonly routes: () => Routes
  /** Takes a place on a trunk; null where the trunk is at one of its limits. */
  readonly admit: (trunk: TrunkId) => GiveBack | null
  /** Where a call of a tenant is recorded; null: nowhere. */
  readonly recording: (call: CallId, tenant: TenantId) => NewRecording | null
  readonly onAudio: (trunk: TrunkId, audio: CallAudio) => void
  /** Another part of this node has the call from now on. */
  readonly adopt: (call: CallId, by: ReturnedCall) => void
}

/** A caller who is to be put through, and how. */
export interface DialFor {
  readonly invite: IncomingInvite
  readonly recorder: CallRecorder
  readonly plan: DialPlan
}

/** Whose call it is, and who hears of its end. */
export interface DialOf {
  readonly trunk: TrunkId | null
  readonly tenant: TenantId
  readonly onReleased: (sipCallIds: readonly string[]) => void
}

/** Puts callers through to persons. Two people end with the node that they are on: what it begins is shared with no other. */
export class DialDesk {
  readonly #parts: PlaceParts
  readonly #rules: DialRules

  constructor(parts: PlaceParts, rules: DialRules) {
    this.#parts = parts
    this.#rules = rules
  }

  /** Whom a decision of the router has rung, or why it cannot be had. */
  plan(decision: RouterDial, tenant: TenantId): Result<DialPlan, string> {
    const routes = this.#rules.routes()
    const { country } = routes.tenants.get(tenant) ?? { country: '' }
    const { joins } = this.#parts.media
    return planDial(decision, { tenant: { id: tenant, country }, routes, joins })
  }

  /** Sends an INVITE on to where a router says. */
  proxy(
    { proxy, mode, timeoutMs }: RouterProxy,
    { invite, recorder }: Omit<DialFor, 'plan'>,
    onReleased: () => void,
  ): ProxiedCall {
    const { direct, retryAfterS } = this.#rules.routes()
    return new ProxiedCall({
      ...{ invite, recorder, onReleased },
      wish: { to: proxy, isParallel: mode === 'parallel', silenceMs: direct.silenceMs, timeoutMs: timeoutMs ?? null },
      retryAfterS: () => drawRetryAfterS(retryAfterS, Math.random()),
    })
  }

  begin({ invite, recorder, plan }: DialFor, { trunk, tenant, onReleased }: DialOf): DialledCall {
    const { media, metrics, scheduler } = this.#parts
    const { admit, onAudio, routes } = this.#rules
    const { outbound, trunks, srtp, retryAfterS, agents } = routes()
    const recording = this.#rules.recording(recorder.id, tenant)
    const isTrusted = trunks.find(({ id }) => id === trunk)?.trustsIdentity ?? true
    const caller = invite.shownCaller(recorder.row.from, isTrusted)
    return new DialledCall({
      ...{ invite, recorder, plan, media, metrics, scheduler, onAudio, onReleased, recording },
      desk: this.#parts.desk.of(invite),
      retryAfterS: () => drawRetryAfterS(retryAfterS, Math.random()),
      audio: newAudio(srtp.get(trunk) ?? 'off'),
      huntFor: (target) => {
        // Who is rung is told who calls, not who we are (RFC 7989 §7): one of ours, where they have not said.
        const sessionUuid = (): SessionUuid => invite.sessionIds.far ?? namedUuid(`${recorder.id}/caller`)
        const onward: OnwardFacts = {
          header: (name) => invite.header(name),
          hops: hopsLeft(invite),
          called: recorder.row.to,
          branch: plan.targets.indexOf(target) + 1,
        }
        const callee = { ...calleeOf(target, caller, onward), sessionUuid }
        return new CalleeHunt(this.#parts, { outbound, admit }, callee, recorder)
      },
      handOver: (stranded) => {
        const agent = plan.onLost ?? ''
        const known = { agents: agents.get(tenant) ?? new Map(), tenant, agent, recording, onReleased }
        const call = this.#returned({ invite, recorder }, stranded, known)
        this.#rules.adopt(recorder.id, call)
        return (event) => call.onEvent(event)
      },
    })
  }

  /** The caller is with an agent from now on. */
  #returned({ invite, recorder }: Omit<DialFor, 'plan'>, caller: StrandedCaller, to: ReturnTo): ReturnedCall {
    const { agents, tenant, agent, recording, onReleased } = to
    const { media, metrics, desk, sessions } = this.#parts
    const { from, to: called } = recorder.row
    const known = { recorder, tenant, caller: invite.knownCaller(from), resumes: 'never' } as const
    const session = sessions.of({ ...known, agent, variables: { caller: from, called } })
    return new ReturnedCall({
      ...{ recorder, media, metrics, desk, session, recording, caller, invite },
      shared: new SharedCall(this.#parts, recorder, session),
      agent: () => session.open(agents),
      onReleased: () => onReleased(caller.sipCallIds),
    })
  }
}

/** Who takes a caller that has lost whom they were put through to. */
interface ReturnTo extends Pick<DialOf, 'tenant' | 'onReleased'> {
  readonly agents: ReadonlyMap<string, CallAgent>
  readonly agent: string
  readonly recording: NewRecording | null
}

/** A number that the router has them shown is the tenant's to show: the caller's privacy is not at stake then. */
function calleeOf(target: DialTarget, caller: ShownCaller, onward: OnwardFacts): Callee {
  const from = target.from ?? caller.number ?? ''
  const isShown = target.from === null && !caller.isHidden
  const common = {
    from,
    ...(target.from === null && { shown: caller }),
    onward: { ...onward, given: target.headers, isShown },
  }
  if (target.kind === 'uri') return { ...common, direct: target.direct }
  const { to, trunks, group } = target
  return { ...common, to, trunks, group }
}

type OnwardFacts = Omit<NonNullable<Callee['onward']>, 'given' | 'isShown'>
