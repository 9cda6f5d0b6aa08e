import type Srf from 'drachtio-srf'
import type { SessionIds } from '../../lib/sip/session-id.ts'
import { sendInDialog, wordsOf } from './in-dialog-request.ts'
import { ALLOW, headerOf, SESSION_ID } from './sip-facts.ts'

/** What a far end is asked for (RFC 3515). */
export interface Refer {
  /** Whom it is to call, a URI. */
  readonly referTo: string
  /** Who asks, a URI (RFC 3892). */
  readonly referredBy: string
  /** For the challenge of the trunk that the far end is on. */
  readonly credentials: { readonly username: string; readonly password: string } | null
}

/** The final answer to a REFER. `seq`: the CSeq by which NOTIFYs may name it. */
export type ReferOutcome =
  | { readonly kind: 'accepted'; readonly seq: number }
  /** Also where it could not be sent, or no answer will come. */
  | { readonly kind: 'refused'; readonly why: string }

/** Sends a REFER in a dialog of drachtio-srf. The subscription that it makes (RFC 3515 §2.4.4) is wanted: without it nobody knows when to leave. */
export function sendRefer(
  dialog: Srf.Dialog,
  { referTo, referredBy, credentials }: Refer,
  { uri, sessionIds }: { readonly uri: string; readonly sessionIds: SessionIds },
): Promise<ReferOutcome> {
  const headers = {
    'Refer-To': `<${referTo}>`,
    'Referred-By': `<${referredBy}>`,
    Allow: `${ALLOW}, NOTIFY`,
    [SESSION_ID]: sessionIds.header,
  }
  const request = { method: 'REFER', uri, headers, credentials: credentials ?? undefined } as const
  return new Promise((resolve) => {
    sendInDialog(
      dialog,
      request,
      () => undefined,
      (response) => {
        const { status, reason } = response
        sessionIds.hear(headerOf(response, SESSION_ID))
        if (status < 200) return
        if (status >= 300) return resolve({ kind: 'refused', why: `${status} ${reason ?? ''}`.trim() })
        resolve({ kind: 'accepted', seq: Number.parseInt(response.get('CSeq'), 10) })
      },
    ).catch((error: unknown) => resolve({ kind: 'refused', why: wordsOf(error) }))
  })
}
