import { parseSipAddress } from '../config/addresses.ts'
import type { TrunkId } from '../core/ids.ts'
import { err, ok, type Result } from '../core/result.ts'
import { mayShow, tellShown } from '../outbound/caller-id.ts'
import { directTrunk } from './direct.ts'
import { toE164 } from './number.ts'
import type { OutboundTrunk, TrunkGroup } from './outbound.ts'
import type { RouterDial, RouterTarget } from './router.ts'
import type { Routes } from './routes.ts'
import type { TenantRoute } from './snapshot.ts'

/** A person whom a caller is to be put through to, and how they are reached. */
export type DialTarget = {
  /** As the router has named them. */
  readonly name: string
  /** Null: until the hunt for them ends by itself. */
  readonly timeoutMs: number | null
  readonly headers: Readonly<Record<string, string>>
} & (
  | {
      readonly kind: 'number'
      /** E.164. */
      readonly to: string
      /** The number that they are shown, in E.164; null: the caller's. */
      readonly from: string | null
      readonly trunks: readonly TrunkId[]
      readonly group: TrunkGroup
    }
  | { readonly kind: 'uri'; readonly from: string | null; readonly direct: OutboundTrunk }
)

/** A `dial` of a router as this node can carry it out. */
export interface DialPlan {
  readonly mode: 'sequential' | 'parallel'
  readonly targets: readonly DialTarget[]
  /** The agent that the caller gets where who answered is lost; null: a BYE. */
  readonly onLost: string | null
}

/** What a plan is made by. */
export interface DialFacts {
  readonly tenant: Pick<TenantRoute, 'id' | 'country'>
  readonly routes: Pick<Routes, 'agents' | 'groups' | 'groupsByName' | 'outbound' | 'direct'>
  /** Whether media can join two legs. */
  readonly joins: boolean
}

/** Whom a well-formed decision has rung; or why it cannot be had on this node, with the place in it. */
export function planDial(decision: RouterDial, facts: DialFacts): Result<DialPlan, string> {
  if (!facts.joins)
    return err('dial: two people are joined by the embedded media engine alone, and this node has FreeSWITCH')
  const targets: DialTarget[] = []
  for (const [i, target] of decision.dial.entries()) {
    const planned = planTarget(target, decision, facts)
    if (!planned.ok) return err(`dial.${i}: ${planned.error}`)
    targets.push(planned.value)
  }
  const onLost = typeof decision.onLost === 'object' ? decision.onLost.agent : null
  if (onLost !== null && facts.routes.agents.get(facts.tenant.id)?.has(onLost) !== true)
    return err(`onLost: no agent is named ${onLost}`)
  return ok({ mode: decision.mode ?? 'sequential', targets, onLost })
}

function planTarget(target: RouterTarget, decision: RouterDial, facts: DialFacts): Result<DialTarget, string> {
  const said = typeof target === 'string' ? { uri: target } : target
  const shown = ('number' in said ? said.from : undefined) ?? decision.from
  const from = shown === undefined ? null : toE164(shown, facts.tenant.country)
  if (shown !== undefined && from === null) return err(`from: "${shown}" is no telephone number such as +12025550123`)
  const common = {
    from,
    timeoutMs: said.timeoutMs ?? decision.timeoutMs ?? null,
    headers: { ...decision.headers, ...said.headers },
  }
  if ('number' in said) return planNumber(said, common, facts)
  const uri = parseSipAddress(said.uri)
  if (uri === undefined) return err(`"${said.uri}" is no sip: or sips: URI that can be called`)
  return ok({ ...common, kind: 'uri', name: uri.text, direct: directTrunk(uri, facts.routes.direct) })
}

function planNumber(
  {
    number,
    group: name,
  }: Exclude<RouterTarget, string> & { readonly number: string; readonly group?: string | undefined },
  common: Pick<DialTarget, 'from' | 'timeoutMs' | 'headers'>,
  { tenant, routes }: DialFacts,
): Result<DialTarget, string> {
  const { from } = common
  const to = toE164(number, tenant.country)
  if (to === null) return err(`number: "${number}" is no telephone number such as +12025550123`)
  const found = routes.groupsByName.get(name ?? routes.groups.get(tenant.id)?.name ?? '')
  if (found === undefined) return err(`group: there is no group "${name ?? ''}"`)
  const open = found.trunks.flatMap((id) => routes.outbound.get(id) ?? []).filter(({ targets }) => targets.length > 0)
  if (open.length === 0) return err(`group: no trunk of group "${found.group.name}" has targets to call`)
  // A caller's own number is theirs to show: a call that is put through is a diverted one.
  const showing = from === null ? open : open.filter((trunk) => mayShow(trunk, from))
  if (showing.length === 0)
    return err(`from: no trunk of group "${found.group.name}" may show ${from}: ${tellShown(open)}`)
  return ok({ ...common, kind: 'number', name: to, to, trunks: showing.map(({ id }) => id), group: found.group })
}
