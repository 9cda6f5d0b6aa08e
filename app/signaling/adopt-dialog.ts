import Srf from 'drachtio-srf'
import type { DialogState } from '../../lib/sip/dialog-state.ts'
import { callMethod, propertyOf } from './srf-inside.ts'

export interface AdoptedDialog {
  /** What the SIP server calls it. */
  readonly id: string
  readonly state: DialogState
  /** For challenges to what we send in it. */
  readonly auth: { readonly username: string; readonly password: string } | undefined
}

/**
 * A dialog of drachtio-srf that no INVITE of this process has made. drachtio-srf makes its dialogs from two messages, of which it reads the
 * Call-ID, the tags and the Contact alone; here they are read off the state. From then on what comes in the dialog comes to it.
 */
export function adoptDialog(srf: Srf, { id, state, auth }: AdoptedDialog): Srf.Dialog {
  const agent = propertyOf(propertyOf(srf, '_app'), 'client')
  const socket = callMethod(agent, '_getDefaultSocket')
  const values: Readonly<Record<string, unknown>> = {
    from: { params: { tag: state.localTag } },
    to: { params: { tag: state.remoteTag } },
    contact: [{ uri: state.remoteTarget }],
  }
  const getParsedHeader = (name: string): unknown => values[name.toLowerCase()]
  // No Contact of ours: the SIP server below fills in its own.
  const req = { method: 'INVITE', uri: state.remoteTarget, body: '', socket, get: () => undefined, getParsedHeader }
  const res = { agent, stackDialogId: id, body: '', get: () => state.callId, getParsedHeader }
  const make = propertyOf(Srf, 'Dialog')
  if (typeof make !== 'function') throw new Error('this drachtio-srf has no Dialog')
  const dialog: unknown = Reflect.construct(make, [srf, 'uac', { req, res, auth }])
  if (!isDialog(dialog)) throw new Error('this drachtio-srf makes other dialogs')
  callMethod(srf, 'addDialog', dialog)
  return dialog
}

const isDialog = (value: unknown): value is Srf.Dialog =>
  typeof value === 'object' && value !== null && 'handle' in value && 'destroy' in value && 'sip' in value
