import { err, ok, type Result } from '../core/result.ts'
import { parseMediaType } from './media-type.ts'
import { subscriptionKey, subscriptionState } from './subscription.ts'

/** What a NOTIFY says of a REFER of ours (RFC 3515 §2.4.4): how far the far end is with what it was asked for. */
export interface ReferNotify {
  /** Of the answer that it has got, provisional or final; null: it does not say. */
  readonly status: number | null
  /** Its words for it. */
  readonly reason: string
  /** No other NOTIFY follows. */
  readonly isOver: boolean
}

/** The headers that are read of a NOTIFY, as they came, and its body. */
export interface NotifyFacts {
  readonly event: string | undefined
  readonly state: string | undefined
  readonly type: string | undefined
  readonly body: string
}

/** Why a NOTIFY is refused, as the response that says so. */
export interface NotifyObjection {
  readonly status: 400 | 415 | 489
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
}

const SIPFRAG = 'message/sipfrag'

/** The only line of the fragment that is looked at: who has answered, and with what else, is not told to us (RFC 3515 §5.3). */
const STATUS_LINE = /^\s*SIP\/2\.0[ \t]+([1-6]\d\d)(?:[ \t]+([^\r\n]{0,200}))?/i

/** Reads a NOTIFY in a dialog in which we have sent a REFER. One that ends the subscription need not say how it went. */
export function readReferNotify({ event, state, type, body }: NotifyFacts): Result<ReferNotify, NotifyObjection> {
  if (subscriptionKey('NOTIFY', event).event !== 'refer') return refuse(489, 'Bad Event')
  if (state === undefined) return refuse(400, 'Missing Subscription-State')
  const isOver = subscriptionState(state) === 'terminated'
  if (body.trim() === '')
    return isOver ? ok({ status: null, reason: '', isOver }) : refuse(400, 'Missing Fragment Of A SIP Message')
  if (parseMediaType(type ?? SIPFRAG)?.type !== SIPFRAG)
    return refuse(415, 'Unsupported Media Type', { Accept: SIPFRAG })
  const [, status, reason = ''] = STATUS_LINE.exec(body) ?? []
  if (status === undefined) return refuse(400, 'No Status Line In The Fragment')
  return ok({ status: Number(status), reason: reason.trim(), isOver })
}

const refuse = (
  status: NotifyObjection['status'],
  reason: string,
  headers: NotifyObjection['headers'] = {},
): Result<never, NotifyObjection> => err({ status, reason, headers })
