import type { CallRow } from '../../lib/observe/call-record.ts'
import { ROUTER_HEADERS } from '../../lib/route/router.ts'
import type { InviteFacts, RouteSnapshot } from '../../lib/route/snapshot.ts'
import type { RouterQuestion } from './messages.ts'

/** Of one header, in characters. */
const MAX_HEADER = 2_048

interface Invite {
  readonly facts: InviteFacts
  header(name: string): string | undefined
}

/** What a router is asked of a call: plain data, nothing of it longer than a message may be. */
export function routerQuestion(
  invite: Invite,
  row: CallRow,
  agent: string,
  { trunks, trunkStates, peers, region }: Pick<RouteSnapshot, 'trunks' | 'trunkStates' | 'peers' | 'region'>,
): RouterQuestion {
  const { facts } = invite
  const headers = ROUTER_HEADERS.flatMap((name) => {
    const value = invite.header(name)
    return value === undefined ? [] : [[name, value.slice(0, MAX_HEADER)] as const]
  })
  return {
    call: {
      id: row.id,
      from: row.from,
      to: row.to,
      raw: row.raw,
      trunk: row.trunk,
      tenant: row.tenant ?? '',
      agent,
      attestation: row.attestation,
      headers: Object.fromEntries(headers),
      receivedAt: row.startedAt.toISOString(),
      source: { address: facts.source.address, port: facts.source.port, protocol: facts.source.protocol },
      node: row.node,
      region,
    },
    trunks: trunks.map(({ id }) => ({ id, state: trunkStates.get(id) ?? 'active' })),
    nodes: peers.map(({ id, region, load }) => ({ id, region, load })),
  }
}
