import type { IncomingInvite } from '../../../app/signaling/incoming-invite.ts'
import type { SipDialog } from '../../../app/signaling/sip-dialog.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { answerOffer, makeOffer } from '../../../lib/sip/offer-answer.ts'
import { mutate } from '../mutate.ts'
import { Prng } from '../prng.ts'
import { SIP_CORPUS, SIP_WORDS } from '../targets/sip-message.ts'
import { APP_SECRET } from './app.ts'
import { Peers } from './peers.ts'
import { Ground, LONG_MS, type World } from './world.ts'

/** Actions of one sequence at most. */
const MAX_STEPS = 40

/** Turns of the event loop after which everything that went over the admin port has been read and answered. */
const TURNS = 12

const PAUSES_MS = [0, 60, 600, 4_000, 33_000, 200_000]

const MEDIA = {
  address: '192.0.2.1',
  rtpPort: 40_000,
  sessionId: '1',
  codecs: ['PCMU', 'PCMA'],
  direction: 'sendrecv',
} as const

/**
 * The SIP server with what Tandem itself has on it: the published drachtio-srf, which reads every message again in its own way and
 * in the main thread, where whatever it throws ends the node.
 */
export class CallsWorld implements World {
  readonly #ground: Ground
  readonly #link: SipLink
  readonly #dialogs = new Set<SipDialog>()
  #prng = new Prng(1)
  #peers = new Peers(this.#prng)
  messages = 0

  static async open(): Promise<CallsWorld> {
    const ground = await Ground.open()
    const connected = await SipLink.connect({
      servers: [{ host: '127.0.0.1', port: ground.adminPort, secret: APP_SECRET }],
    })
    if (!connected.ok) throw connected.error
    return new CallsWorld(ground, connected.value)
  }

  private constructor(ground: Ground, link: SipLink) {
    this.#ground = ground
    this.#link = link
    link.onInvite((invite) => this.#onInvite(invite))
    link.onOptions((request) => ({
      status: request.uriHost === '' ? 503 : 200,
      headers: { 'X-Host': request.uriHost },
    }))
  }

  async play(prng: Prng): Promise<void> {
    this.#prng = prng
    this.#ground.machine.prng = prng
    this.#peers = new Peers(prng)
    for (let steps = 3 + prng.below(MAX_STEPS); steps > 0; steps--) {
      await this.#act()
      await this.#settle()
    }
    for (const dialog of this.#dialogs) this.#hangUp(dialog)
    await this.#settle()
    await this.#ground.pass(LONG_MS, () => this.#settle())
    this.#ground.assertQuiet('an hour after all was hung up', ['dialogs', 'timers'])
  }

  async close(): Promise<void> {
    this.#link.close()
    await this.#ground.stack.close()
  }

  async #settle(): Promise<void> {
    do {
      for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve))
      const sent = this.#ground.machine.sent.splice(0)
      this.messages += sent.length
      this.#peers.take(sent)
    } while (this.#ground.machine.runLate())
  }

  async #act(): Promise<void> {
    const prng = this.#prng
    const what = prng.below(10)
    if (what < 6) this.#receive()
    else if (what < 7) this.#place()
    else if (what < 8) {
      const dialog = [...this.#dialogs].at(-1)
      if (dialog !== undefined) this.#hangUp(dialog)
    } else await this.#ground.pass(prng.pick(PAUSES_MS), () => this.#settle())
  }

  #receive(): void {
    const prng = this.#prng
    const { bytes, arrival } = this.#peers.speak()
    const changed = prng.oneIn(3) ? mutate(prng.oneIn(2) ? [bytes] : [bytes, ...SIP_CORPUS], SIP_WORDS, prng) : bytes
    this.messages += 1
    this.#ground.stack.onMessage(Buffer.from(changed), arrival)
  }

  #onInvite(invite: IncomingInvite): void {
    const prng = this.#prng
    invite.header('P-Asserted-Identity')
    if (invite.objection !== null) {
      const { status, reason, headers } = invite.objection
      return invite.respond(status, reason, headers)
    }
    if (prng.oneIn(6)) return invite.respond(486, 'Busy Here')
    if (prng.oneIn(2)) invite.respond(180, 'Ringing')
    const answer = invite.offer === null ? undefined : answerOffer(invite.offer, MEDIA)
    if (answer?.ok === false) return invite.respond(488, answer.error.message)
    void invite.answer(answer?.value.sdp ?? makeOffer(MEDIA)).then((answered) => {
      if (answered.ok) this.#keep(answered.value)
    })
  }

  #place(): void {
    const prng = this.#prng
    const invite = this.#link.invite({
      uri: `sip:b@198.51.100.${1 + prng.below(4)}`,
      sdp: makeOffer(MEDIA),
      headers: { From: '<sip:+12025550100@localhost>' },
      followRedirects: prng.oneIn(2),
      ...(prng.oneIn(2) && { credentials: { username: 'u', password: 'p' } }),
    })
    void invite.outcome.then((outcome) => {
      if (outcome.kind === 'answered') this.#keep(outcome.dialog)
    })
    if (prng.oneIn(3)) invite.cancel()
  }

  #keep(dialog: SipDialog): void {
    const prng = this.#prng
    this.#dialogs.add(dialog)
    dialog.onEnd(() => this.#dialogs.delete(dialog))
    dialog.onAck(() => {})
    dialog.onDigit(() => {})
    dialog.onReoffer((reoffer) => {
      const answer = reoffer.offer === null ? undefined : answerOffer(reoffer.offer, MEDIA)
      if (answer?.ok === false || prng.oneIn(5)) reoffer.refuse(488, 'Not Acceptable Here')
      else reoffer.accept(answer?.value.sdp ?? makeOffer(MEDIA))
    })
  }

  #hangUp(dialog: SipDialog): void {
    this.#dialogs.delete(dialog)
    void dialog.bye({ Reason: 'SIP;cause=200' })
  }
}
