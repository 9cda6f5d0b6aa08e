import { beginCalling, type CallingAnswer, judgeCalling } from '../../lib/demo/caller.ts'
import { withDeadline } from '../deadline.ts'
import type { InviteOutcome, OutgoingInvite } from '../signaling/outgoing-invite.ts'
import type { SipLink } from '../signaling/sip-link.ts'
import type { CarrierLeg, CarrierMedia } from './carrier-media.ts'
import type { PlacedFacts } from './carrier-messages.ts'
import type { CallEnd, CarrierCall } from './carrier-port.ts'

/** An INVITE that nothing answers is given up after so long, as by carriers that have more than one address to try. */
const NO_REPLY_MS = 4_000
/** The longest that a call rings. */
const RING_MS = 60_000
/** A far end that does not answer the BYE is not waited for. */
const BYE_PATIENCE_MS = 500

export interface OwnCallParts {
  readonly link: SipLink
  readonly media: CarrierMedia
  /** The carrier's address, for From. */
  readonly host: string
  /** Hangs up: the carrier closes. */
  readonly signal: AbortSignal
}

interface OwnCall {
  readonly placed: PlacedFacts
  readonly ended: Promise<CallEnd>
}

type Answered = Extract<InviteOutcome, { kind: 'answered' }>

const NO_TALK: CallEnd = { packetsIn: 0, longestGapMs: 0, by: 'tandem' }

/** Places a call into Tandem: one leg, and one INVITE after the other until an answer is the last. Rejects where no port is free. */
export async function placeOwnCall(parts: OwnCallParts, call: CarrierCall): Promise<OwnCall> {
  const broken = new AbortController()
  const opened = await parts.media.open((event) => {
    if (event.kind === 'mediaTimeout' || event.kind === 'failed') broken.abort()
  })
  const over = AbortSignal.any([parts.signal, broken.signal])
  const startedAtMs = performance.now()
  const facts = (status: number | null): PlacedFacts => ({
    status,
    redirects: calling.redirects,
    setupMs: Math.round(performance.now() - startedAtMs),
  })
  const sdp = opened.leg.offer('usual')
  let calling = beginCalling(call.uri)
  for (let { uri } = call; ; ) {
    const outcome = await attempt(parts, { uri, from: call.from, sdp }, over)
    if (outcome?.kind === 'answered') {
      return { placed: facts(200), ended: talk(opened, outcome, call.seconds * 1_000, over) }
    }
    const answer = answerOf(outcome)
    const next = over.aborted ? undefined : judgeCalling(calling, answer)
    if (next === undefined) {
      await opened.close()
      return { placed: facts(answer.status), ended: Promise.resolve(NO_TALK) }
    }
    calling = next
    uri = next.uri
  }
}

/** One INVITE; null where it was given up without a final answer. */
function attempt(
  { link, host }: OwnCallParts,
  { uri, from, sdp }: { readonly uri: string; readonly from: string; readonly sdp: string },
  over: AbortSignal,
): Promise<InviteOutcome | null> {
  return new Promise((resolve) => {
    const giveUp = (): void => {
      settle(null)
      abandon(invite)
    }
    const settle = (outcome: InviteOutcome | null): void => {
      clearTimeout(timer)
      over.removeEventListener('abort', giveUp)
      resolve(outcome)
    }
    let timer = setTimeout(giveUp, NO_REPLY_MS)
    let ringing = false
    const invite = link.invite({
      uri,
      sdp,
      headers: { From: `<sip:${from}@${host}>` },
      onProvisional: () => {
        if (ringing) return
        ringing = true
        clearTimeout(timer)
        timer = setTimeout(giveUp, RING_MS)
      },
    })
    over.addEventListener('abort', giveUp)
    if (over.aborted) giveUp()
    void invite.outcome.then(settle)
  })
}

/** CANCEL; an answer that crosses it gets a BYE (RFC 3261 §13.2.2.4). */
function abandon(invite: OutgoingInvite): void {
  invite.cancel()
  void invite.outcome.then((late) => {
    if (late.kind === 'answered') void late.dialog.bye()
  })
}

/** From the answer until one side hangs up. */
async function talk(
  opened: CarrierLeg,
  { dialog, answer }: Answered,
  forMs: number,
  over: AbortSignal,
): Promise<CallEnd> {
  const { leg, heard } = opened
  dialog.onReoffer((reoffer) => {
    const again = reoffer.offer === null ? null : leg.answer(reoffer.offer)
    if (again?.ok === false) reoffer.refuse(488, 'Not Acceptable Here')
    else reoffer.accept(again === null ? leg.offer('usual') : again.value)
  })
  const accepted = leg.accept(answer)
  leg.start()
  heard.start(performance.now())
  const by = await new Promise<CallEnd['by']>((resolve) => {
    const done = (who: CallEnd['by']): void => {
      clearTimeout(timer)
      over.removeEventListener('abort', onOver)
      resolve(who)
    }
    const onOver = (): void => done('carrier')
    const timer = setTimeout(onOver, accepted.ok ? forMs : 0)
    over.addEventListener('abort', onOver)
    if (over.aborted) onOver()
    dialog.onEnd(() => done('tandem'))
  })
  const end = { packetsIn: heard.packets, longestGapMs: heard.longestGapMs(performance.now()), by }
  await Promise.all([opened.close(), by === 'carrier' ? withDeadline(dialog.bye(), BYE_PATIENCE_MS) : undefined])
  return end
}

/** What the caller makes of it; a final answer that our own SIP server made up is none. */
function answerOf(outcome: Exclude<InviteOutcome, Answered> | null): CallingAnswer {
  if (outcome?.kind !== 'refused' || outcome.source === null) return { status: null, contact: '' }
  return { status: outcome.status, contact: outcome.contact }
}
