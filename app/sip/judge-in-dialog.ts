import { isInOrder } from '../../lib/sip/dialog.ts'
import type { Refusal } from '../../lib/sip/judge-request.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import { isTooBrief } from '../../lib/sip/session-timer.ts'
import type { DialogRecord } from './dialog-store.ts'

/** Within these seconds a peer is told to try again whose INVITE or UPDATE met another of its own (RFC 3261 §14.2, RFC 3311 §5.2). */
const MAX_RETRY_AFTER_SECONDS = 10

/** What is wrong with a request in a dialog before its application sees it; undefined where nothing is. */
export function judgeInDialog(record: DialogRecord, request: SipRequest, minSessionS: number): Refusal | undefined {
  const { method } = request
  if (record.ending) return refuse(method === 'BYE' ? 200 : 481)
  if (!isInOrder(record.dialog, request.cseq().seq)) return refuse(500)
  if ((method === 'INVITE' || method === 'UPDATE') && isTooBrief(request, minSessionS)) {
    return { status: 422, headers: [['Min-SE', String(minSessionS)]] }
  }
  const offers = method === 'INVITE' || (method === 'UPDATE' && request.body.length > 0)
  if (!offers) return undefined
  if (record.ourInvite !== undefined || record.ourUpdate !== undefined) return refuse(491)
  // In an early dialog the INVITE is open by its nature, and an UPDATE is what changes its session.
  const meetsInvite = record.theirInvite !== undefined && (method === 'INVITE' || record.dialog.state === 'confirmed')
  if (!meetsInvite && record.theirUpdate?.open !== true) return undefined
  const seconds = Math.floor(Math.random() * (MAX_RETRY_AFTER_SECONDS + 1))
  return { status: 500, headers: [['Retry-After', String(seconds)]] }
}

const refuse = (status: number): Refusal => ({ status, headers: [] })
