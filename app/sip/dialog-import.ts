import { isIP } from 'node:net'
import { routeInDialog } from '../../lib/sip/dialog.ts'
import { dialogOfState, parseDialogState } from '../../lib/sip/dialog-state.ts'
import { targetOfUri } from '../../lib/sip/targets.ts'
import { NOK } from './app-link.ts'
import type { StackContext } from './stack-context.ts'
import type { ClientConnection } from './wire/client-connection.ts'
import type { Command } from './wire/heads.ts'

/**
 * `dialog|import|<JSON>`: goes on with a confirmed dialog that another server had, and that nobody has any more (an extension of drachtio's
 * protocol, docs/sip-server.md). `OK|<dialogId>`; the application that asked owns it. What the far end sends in it comes here only once
 * it has been told our Contact, by a re-INVITE.
 */
export function importDialog(
  { dialogs, sockets, link }: StackContext,
  client: ClientConnection,
  { msgId, fields }: Command,
): void {
  // A `|` in the JSON has been taken for the end of a field.
  const [verb = '', ...json] = fields
  if (verb !== 'import') return link.nok(client, msgId, `unknown dialog command: ${verb.slice(0, 32)}`)
  const parsed = parseDialogState(json.join('|'))
  if (!parsed.ok) return link.nok(client, msgId, `Server error: ${parsed.error}`)
  const dialog = dialogOfState(parsed.value)
  if (dialogs.byPeer(dialog.callId, dialog.localTag, dialog.remoteTag) !== undefined) {
    return link.nok(client, msgId, NOK.dialogExists)
  }
  const target = targetOfUri(routeInDialog(dialog).nextHop)
  if (typeof target === 'string') return link.nok(client, msgId, NOK.noTransport)
  // The socket that the dialog lives at from now on. A name is looked up when something is sent, and its protocol decides.
  const host = isIP(target.host) === 0 ? '127.0.0.1' : target.host
  const sender = sockets.senderFor({ protocol: target.protocol, host, port: target.port })
  if (sender === undefined) return link.nok(client, msgId, NOK.noTransport)
  const inviterTag = dialog.role === 'uac' ? dialog.localTag : dialog.remoteTag
  const record = dialogs.open(dialog, inviterTag, { client, socket: sender.socket, flow: undefined })
  link.imported(client, msgId, record.id)
}
