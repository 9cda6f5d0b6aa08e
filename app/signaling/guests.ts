import { randomBytes } from 'node:crypto'
import { SbcAccess, type SbcAccount, type SbcVerdict } from '../../lib/guard/sbc-access.ts'
import type { RequestFacts } from '../../lib/route/snapshot.ts'
import type { Strangers } from './strangers.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 6

/** SBCs of tenants that show who they are by digest. The SIP server hears what came of it, as it keeps the strangers out. */
export class Guests {
  readonly #access = new SbcAccess(randomBytes(KEY_BYTES))
  readonly #onVerdict: Strangers['judged']

  constructor(onVerdict: Strangers['judged']) {
    this.#onVerdict = onVerdict
  }

  /** Null where nobody has credentials for the host in the request-URI. */
  authenticate(request: RequestFacts, accounts: ReadonlyMap<string, readonly SbcAccount[]>): SbcVerdict | null {
    const ofHost = accounts.get(request.uriHost)
    if (ofHost === undefined) return null
    const verdict = this.#access.judge(request, ofHost, performance.now())
    if (verdict.kind !== 'unproven') this.#onVerdict(request.source.address, verdict.kind)
    return verdict
  }

  /** The headers of a 401. */
  challenge(request: RequestFacts, stale: boolean): Readonly<Record<string, string>> {
    const challenges = this.#access.challenges(request, stale, performance.now(), randomBytes(NONCE_BYTES))
    // drachtio-srf would join several values by commas, which are no separator in this header (RFC 3261 §20.44).
    return { 'WWW-Authenticate': challenges.join('\r\nWWW-Authenticate: ') }
  }
}
