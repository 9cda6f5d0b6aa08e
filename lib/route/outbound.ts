import type { SipAddress } from '../config/addresses.ts'
import type { Config, TrunkConfig } from '../config/resolve.ts'
import { type AddressSet, addressSet } from '../core/cidr.ts'
import type { TrunkId } from '../core/ids.ts'
import { callerIds, type ShowingTrunk } from '../outbound/caller-id.ts'
import type { IdentityPolicy } from '../sip/caller-identity.ts'
import type { HeaderPolicy } from '../sip/header-policy.ts'
import type { SrtpSpec } from '../sip/secure-audio.ts'
import { escapeUser } from '../sip/uri-escapes.ts'
import type { HuntTrunk } from '../trunk/attempt.ts'

/** Where a trunk takes calls, in the words of SRV (RFC 2782): the lowest priority first, shared by weight. */
export interface TrunkTarget {
  readonly uri: SipAddress
  readonly priority: number
  readonly weight: number
}

/** A trunk as calls go out on it. */
export interface OutboundTrunk extends HuntTrunk, Pick<ShowingTrunk, 'callerIds'> {
  readonly targets: readonly TrunkTarget[]
  /** For targets that name none. */
  readonly transport: 'udp' | 'tcp' | 'tls' | null
  /** For the carrier's 401 and 407. */
  readonly credentials: { readonly username: string; readonly password: string } | null
  /** How it is told who calls. */
  readonly identity: IdentityPolicy
  /** What of a caller's INVITE goes on to it. */
  readonly onward: HeaderPolicy
  /** Whether its far ends are asked to transfer calls themselves (RFC 3515). */
  readonly refers: boolean
  /** Whether people on it may hand on whom they talk to (RFC 3515). */
  readonly acceptsRefer: boolean
  /** Addresses that speak for the trunk. */
  readonly sources: AddressSet
}

/** A group of trunks as calls of a tenant go out on it. */
export interface TrunkGroup {
  readonly name: string
  readonly mode: 'warm-standby' | 'active-active'
  /** Shares in active-active, by trunk. */
  readonly weights: ReadonlyMap<TrunkId, number>
}

export function trunkGroup(name: string, { groups, trunks }: Config): TrunkGroup {
  const group = groups[name]
  const weights = new Map(trunks.map(({ id, weight }) => [id, group?.weights[id] ?? weight]))
  return { name, mode: group?.mode ?? 'warm-standby', weights }
}

/** What of a trunk's config is about calls that go out on it. */
type OutboundFacts = Omit<TrunkConfig, 'ingress' | 'onDegraded' | 'follows3xx' | 'trustsIdentity'>

/** `hears100`: whether the SIP server passes 100 up; drachtio-server does not, and `noReply` cannot apply. */
export function outboundTrunk(trunk: OutboundFacts, hears100: boolean): OutboundTrunk {
  return {
    id: trunk.id,
    srtp: offeredSrtp(trunk),
    targets: trunk.targets,
    transport: trunk.transport,
    credentials: trunk.credentials,
    identity: trunk.identity,
    callerIds: trunk.callerIds === null ? null : callerIds(trunk.callerIds),
    onward: { passHeaders: trunk.passHeaders, diversion: trunk.diversion },
    refers: trunk.refer,
    acceptsRefer: trunk.acceptRefer,
    sources: addressSet(trunk.sources.map(({ address, prefixBits }) => `${address}/${prefixBits}`)),
    policy: {
      hunt480: trunk.hunt480,
      noReplyMs: hears100 ? trunk.noReplyMs : null,
      noProgressMs: trunk.noProgressMs,
      huntBudgetMs: trunk.huntBudgetMs,
      ringTimeoutMs: trunk.ringTimeoutMs,
      allowedHosts: trunk.allowedHosts,
      maxRedirects: trunk.maxRedirects,
      retryAfterMinMs: trunk.probe.retryAfterMinMs,
      retryAfterMaxMs: trunk.probe.retryAfterMaxMs,
    },
  }
}

/** Keys are offered where they travel encrypted: in clear they would be there for all to read, and are only given to who offers some. */
const offeredSrtp = ({ srtp, transport, targets }: OutboundFacts): SrtpSpec =>
  srtp === 'optional' && targets.every(({ uri }) => (uri.transport ?? transport) === 'tls') ? 'preferred' : srtp

/** The request-URI of a call to a number at a target: the target's own URI with the number as user part (RFC 3261 §19.1.1). */
export function requestUri(
  number: string,
  { uri, ...trunk }: { uri: SipAddress } & Pick<OutboundTrunk, 'transport'>,
): string {
  const place = uri.text.replace(/^sips?:(?:[^@]*@)?/i, '')
  const transport = uri.transport === null && trunk.transport !== null ? `;transport=${trunk.transport}` : ''
  return `${uri.scheme}:${escapeUser(number)}@${place}${transport}`
}
