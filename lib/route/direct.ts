import type { SipAddress } from '../config/addresses.ts'
import type { Config } from '../config/resolve.ts'
import { trunk } from '../config/trunks.ts'
import { trunkId } from '../core/ids.ts'
import { type OutboundTrunk, outboundTrunk } from './outbound.ts'

/** A trunk of the config that says nothing has these. */
const DEFAULTS = trunk.parse({ id: 'direct' })

/** How a person is called at a SIP address that is no trunk's: by what a trunk has that the config says nothing of. */
export interface DirectRules extends Pick<OutboundTrunk, 'policy' | 'srtp'> {
  /** Nothing at all comes back for this long: whoever is next. Kept by the SIP server itself, which hears 100. */
  readonly silenceMs: number
}

export function directRules({ media, sip }: Pick<Config, 'media' | 'sip'>): DirectRules {
  const { policy } = outboundTrunk({ ...DEFAULTS, srtp: media.srtp }, sip.engine.kind === 'embedded')
  return { policy, srtp: media.srtp, silenceMs: DEFAULTS.noReplyMs }
}

/** An address as a hunt takes it: as a trunk whose only target it is. Its id is the URI, which no trunk of the config can have. */
export const directTrunk = (uri: SipAddress, { policy, srtp }: DirectRules): OutboundTrunk => ({
  id: trunkId(uri.text),
  policy,
  // Keys are offered where they travel encrypted.
  srtp: srtp === 'optional' && uri.transport === 'tls' ? 'preferred' : srtp,
  targets: [{ uri, priority: 1, weight: 1 }],
  transport: null,
  credentials: null,
  identity: DEFAULTS.identity,
  callerIds: null,
  onward: DEFAULTS,
  refers: DEFAULTS.refer,
  acceptsRefer: DEFAULTS.acceptRefer,
  sources: { has: (address) => address === uri.host },
})
