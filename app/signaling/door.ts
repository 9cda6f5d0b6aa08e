import { assertNever } from '../../lib/core/assert-never.ts'
import type { SbcAccount, SbcVerdict } from '../../lib/guard/sbc-access.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { decideOptions } from '../../lib/route/decide-options.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { RequestFacts, RouteSnapshot } from '../../lib/route/snapshot.ts'
import { SESSION_BODY_TYPES } from '../../lib/sip/session-body.ts'
import { Guests } from './guests.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import { ALLOW } from './sip-facts.ts'
import type { OptionsAnswer } from './sip-link.ts'
import type { Strangers } from './strangers.ts'

export interface DoorOptions {
  /** Sources that belong to no trunk. */
  readonly strangers: Strangers
  readonly emit: EmitEvent
}

/** Meets who knocks: says to peers whether a call would be served, asks guests for credentials, and sends strangers away. */
export class Door {
  readonly #options: DoorOptions
  readonly #guests: Guests

  constructor(options: DoorOptions) {
    this.#options = options
    this.#guests = new Guests((address, verdict) => options.strangers.judged(address, verdict))
  }

  /** Null where nobody has credentials for the host in the request-URI. */
  authenticate(request: RequestFacts, accounts: ReadonlyMap<string, readonly SbcAccount[]>): SbcVerdict | null {
    return this.#guests.authenticate(request, accounts)
  }

  answerOptions(request: RequestFacts, snapshot: Routes & RouteSnapshot): OptionsAnswer {
    const decision = decideOptions(request, snapshot, Math.random())
    const { address } = request.source
    const { strangers } = this.#options
    const isHeard = decision.kind === 'challenge' ? strangers.mayAsk(address) : strangers.mayKnow(address)
    if (!isHeard || decision.kind === 'forbid') {
      strangers.refused(address)
      return { status: 403, headers: {} }
    }
    switch (decision.kind) {
      case 'serve':
        return { status: 200, headers: { Allow: ALLOW, Accept: SESSION_BODY_TYPES } }
      case 'refuse':
        return { status: 503, headers: { 'Retry-After': String(decision.retryAfterS) } }
      case 'challenge':
        return { status: 401, headers: this.#guests.challenge(request, decision.stale) }
      default:
        return assertNever(decision)
    }
  }

  challenge(invite: IncomingInvite, stale: boolean): void {
    if (!this.#options.strangers.mayAsk(invite.facts.source.address)) return this.ignore(invite, 'stranger')
    invite.respond(401, 'Unauthorized', this.#guests.challenge(invite.facts, stale))
  }

  /** Of strangers the embedded server has kept silent before; here drachtio-server has already said 100. */
  ignore(invite: IncomingInvite, why: string): void {
    const { source, uri } = invite.facts
    if (this.#options.strangers.refused(source.address))
      this.#options.emit({ event: 'security.refused', level: 'warn', source: source.address, uri, why })
    invite.respond(403, 'Forbidden')
  }
}
