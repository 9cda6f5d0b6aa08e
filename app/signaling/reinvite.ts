import type Srf from 'drachtio-srf'
import { endReason } from '../../lib/call/end-reason.ts'
import type { SessionIds } from '../../lib/sip/session-id.ts'
import { isRequest, sendInDialog, wordsOf } from './in-dialog-request.ts'
import { ALLOW, headerOf, SESSION_ID } from './sip-facts.ts'
import { callMethod } from './srf-inside.ts'

/** What came of a re-INVITE of ours (RFC 3261 §14.1). */
export type ReinviteOutcome =
  | { readonly kind: 'accepted'; readonly answer: string; readonly seq: number; readonly contact: string | undefined }
  /** 408 and 503 may be our own SIP server's word that no answer will come. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  /** No final answer in time; the INVITE has been cancelled. */
  | { readonly kind: 'silent' }
  /** It could not be sent. */
  | { readonly kind: 'failed'; readonly message: string }

export interface Reinvite {
  /** Our offer. */
  readonly sdp: string
  /** Where requests of the dialog go; challenges are answered for this URI. */
  readonly uri: string
  /** How long a final answer is waited for, in ms: far less than Timer B, as somebody hears nothing meanwhile. */
  readonly patienceMs: number
  /** Of the dialog. */
  readonly sessionIds: SessionIds
}

/** Offers a session anew in a dialog of drachtio-srf. The 2xx is acknowledged here, also where it comes too late. */
export function sendReinvite(
  dialog: Srf.Dialog,
  { sdp, uri, patienceMs, sessionIds }: Reinvite,
): Promise<ReinviteOutcome> {
  return new Promise((resolve) => {
    let request: unknown = null
    const timer = setTimeout(() => {
      resolve({ kind: 'silent' })
      cancel(request, sessionIds)
    }, patienceMs)
    const done = (outcome: ReinviteOutcome): void => {
      clearTimeout(timer)
      resolve(outcome)
    }
    // Who wants a session timer may have it (RFC 4028 §7.1).
    const headers = {
      Allow: ALLOW,
      Supported: 'timer',
      'Content-Type': 'application/sdp',
      [SESSION_ID]: sessionIds.header,
    }
    const onSent = (sent: Srf.SrfRequest): void => {
      request = sent
    }
    sendInDialog(dialog, { method: 'INVITE', uri, headers, body: sdp }, onSent, (response, ack) => {
      sessionIds.hear(headerOf(response, SESSION_ID))
      if (response.status < 200) return
      if (response.status >= 300) {
        return done({ kind: 'refused', status: response.status, reason: response.reason ?? '' })
      }
      ack?.()
      const contact = response.has('Contact') ? response.get('Contact') : undefined
      done({ kind: 'accepted', answer: response.body ?? '', seq: seqOf(response), contact })
    }).catch((error: unknown) => done({ kind: 'failed', message: wordsOf(error) }))
  })
}

function cancel(request: unknown, sessionIds: SessionIds): void {
  if (!isRequest(request)) return
  try {
    callMethod(
      request,
      'cancel',
      { headers: { Reason: endReason('node-lost'), [SESSION_ID]: sessionIds.header } },
      () => undefined,
    )
  } catch {
    // drachtio-srf throws where the connection is lost meanwhile: the request was lost with it.
  }
}

const seqOf = (response: Srf.SrfResponse): number => Number.parseInt(response.get('CSeq'), 10)
