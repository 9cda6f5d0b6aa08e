import type Srf from 'drachtio-srf'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { userOfUri } from '../../lib/route/number.ts'
import type { InviteFacts } from '../../lib/route/snapshot.ts'
import { HOP_IN_URI } from '../../lib/route/standby-legs.ts'
import { type CallerFacts, knownCaller, shownCaller } from '../../lib/session/caller.ts'
import type { ShownCaller } from '../../lib/sip/caller-identity.ts'
import { listsTag } from '../../lib/sip/reliability.ts'
import { SessionIds } from '../../lib/sip/session-id.ts'
import { type Objection, readSessionRequest } from '../../lib/sip/session-request.ts'
import { requestFactsOf } from './request-facts.ts'
import { type ProxyAnswer, type ProxyWish, sendOn } from './send-on.ts'
import { SipDialog } from './sip-dialog.ts'
import { ALLOW, headerOf, SESSION_ID, sessionFactsOf } from './sip-facts.ts'

/** An INVITE outside of a dialog, and the ways to answer it (RFC 3261 §13.3). */
export class IncomingInvite {
  readonly facts: InviteFacts
  readonly sipCallId: string
  /** The offer (RFC 3264), or null where the caller wants ours. */
  readonly offer: string | null
  /** What is wrong with the request itself, whoever it is for; null: nothing. */
  readonly objection: Objection | null
  /** Who is at its ends (RFC 7989); nobody at ours, before somebody says who. */
  readonly sessionIds = new SessionIds()
  readonly #srf: Srf
  readonly #req: Srf.SrfRequest
  readonly #res: Srf.SrfResponse
  readonly #live: Set<SipDialog>
  #cancelled = false

  /** @param live where the dialog stands as long as it lives */
  constructor(srf: Srf, req: Srf.SrfRequest, res: Srf.SrfResponse, live: Set<SipDialog>) {
    this.#live = live
    this.#srf = srf
    this.#req = req
    this.#res = res
    this.sipCallId = req.get('Call-ID')
    const read = readSessionRequest(sessionFactsOf(req))
    this.offer = read.ok ? read.offer : null
    this.objection = read.ok ? null : read.objection
    this.facts = {
      ...requestFactsOf(req),
      dialled: userOfUri(req.uri),
      caller: userOfHeader(req, 'From') ?? '',
      asserted: userOfHeader(req, 'P-Asserted-Identity'),
      redirected: HOP_IN_URI.test(req.uri),
    }
    this.sessionIds.hear(this.header(SESSION_ID))
    req.on('cancel', () => {
      this.#cancelled = true
    })
  }

  header(name: string): string | undefined {
    return headerOf(this.#req, name)
  }

  /** The number by which a further call is known as the same person's; empty where nobody is to be known so. */
  knownCaller(number: string): string {
    return knownCaller(this.#callerFacts(number, true))
  }

  /**
   * Who calls, as whom they are put through to may know them.
   *
   * @param isTrusted whether a P-Asserted-Identity of it is believed
   */
  shownCaller(number: string, isTrusted: boolean): ShownCaller {
    return shownCaller(this.#callerFacts(number, isTrusted), isTrusted && this.facts.asserted !== null)
  }

  #callerFacts(number: string, isTrusted: boolean): CallerFacts {
    const { caller, asserted } = this.facts
    const user = isTrusted ? (asserted ?? caller) : caller
    return { number, user, from: this.header('From') ?? '', privacy: this.header('Privacy') ?? null }
  }

  get cancelled(): boolean {
    return this.#cancelled
  }

  /** The caller gave up; the SIP server has answered the CANCEL and the INVITE (RFC 3261 §9.2). */
  onCancel(listener: () => void): void {
    this.#req.on('cancel', listener)
  }

  /** A provisional or refusing answer. Nothing happens where the INVITE has been answered or cancelled meanwhile. */
  respond(status: number, reason: string, headers: Readonly<Record<string, string>> = {}): void {
    if (this.#cancelled || this.#res.finalResponseSent) return
    // A reliable answer to an INVITE without an offer has to bring one (RFC 3262 §5): ours comes in the 2xx alone.
    if (status < 200 && this.offer === null && requires100rel(this.header('Require'))) return
    this.#res.send(status, reason, { headers: { ...headers, [SESSION_ID]: this.sessionIds.header } })
  }

  /**
   * Sends it on, and leaves it (RFC 3261 §16): the SIP server passes its answers back, and its CANCEL on. Resolves with every final response that
   * came when the caller has its own; fails where the server did not take it, and the INVITE is ours to answer yet.
   */
  proxy(wish: ProxyWish): Promise<Result<readonly ProxyAnswer[], Error>> {
    return sendOn(this.#req, wish)
  }

  /** 200 OK. Resolves when the SIP server has taken it; fails where the INVITE was cancelled before. */
  answer(sdp: string, headers: Readonly<Record<string, string>> = {}): Promise<Result<SipDialog, Error>> {
    if (this.#cancelled) return Promise.resolve(err(new Error('the INVITE was cancelled')))
    // RFC 3261 §13.3.1.4: the caller learns what it may send in the dialog.
    const options = { localSdp: sdp, headers: { Allow: ALLOW, ...headers, [SESSION_ID]: this.sessionIds.header } }
    return new Promise((resolve) => {
      this.#srf.createUAS(this.#req, this.#res, options, (error: unknown, dialog) => {
        if (error === null || error === undefined) resolve(ok(new SipDialog(dialog, this.#live, this.sessionIds)))
        else
          resolve(
            err(error instanceof Error ? error : new Error('the SIP server did not take the 200', { cause: error })),
          )
      })
    })
  }
}

/** How often the call may still be sent on (Max-Forwards, RFC 3261 §20.22); null where the INVITE does not say. */
export function hopsLeft(invite: Pick<IncomingInvite, 'header'>): number | null {
  const digits = /^\s*(\d{1,3})\s*$/.exec(invite.header('Max-Forwards') ?? '')?.[1]
  return digits === undefined ? null : Number(digits)
}

const requires100rel = (require = ''): boolean => listsTag(require.split(','), '100rel')

/** The user part of the first URI in a header; null where there is no such header. */
function userOfHeader(req: Srf.SrfRequest, name: string): string | null {
  const value = headerOf(req, name)
  if (value === undefined) return null
  const uri = /<([^<>]*)>/.exec(value)?.[1] ?? value.split(';', 1)[0] ?? ''
  return userOfUri(uri.trim())
}
