import type Srf from 'drachtio-srf'
import { callMethod, propertyOf } from './srf-inside.ts'

/** A request of ours in a dialog. */
export interface InDialogRequest {
  readonly method: 'INVITE' | 'NOTIFY' | 'REFER'
  /** Where requests of the dialog go; challenges are answered for this URI. */
  readonly uri: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** For challenges; by default those of the dialog. */
  readonly credentials?: Credentials | undefined
}

interface Credentials {
  readonly username: string
  readonly password: string
}

/**
 * Sends it, past drachtio-srf's own ways, which take a provisional response for the answer. Rejects where it could not be sent.
 *
 * @param onResponse each response, provisional ones too; `ack` for a 2xx to an INVITE
 */
export async function sendInDialog(
  dialog: Srf.Dialog,
  { credentials, ...request }: InDialogRequest,
  onSent: (request: Srf.SrfRequest) => void,
  onResponse: (response: Srf.SrfResponse, ack?: () => void) => void,
): Promise<void> {
  const auth = credentials ?? propertyOf(dialog, 'auth')
  const sent = await new Promise<unknown>((resolve, reject) => {
    const options = {
      ...request,
      stackDialogId: propertyOf(dialog, 'id'),
      _socket: propertyOf(dialog, 'socket'),
      ...(auth !== undefined && { auth }),
    }
    callMethod(propertyOf(dialog, 'agent'), 'request', options, (error: unknown, made: unknown) => {
      if (error !== null && error !== undefined) return reject(error)
      if (isRequest(made)) {
        onSent(made)
        made.on('response', (response, ack) => {
          if (response !== undefined) onResponse(response, ack)
        })
      }
      resolve(made)
    })
  })
  if (!isRequest(sent)) throw new Error('the SIP server gave no request back')
}

export const isRequest = (value: unknown): value is Srf.SrfRequest =>
  typeof value === 'object' && value !== null && 'on' in value && typeof value.on === 'function'

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
