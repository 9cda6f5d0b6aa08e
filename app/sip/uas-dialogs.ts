import { type Dialog, openAsUas } from '../../lib/sip/dialog.ts'
import { type Draft, draftHeader } from '../../lib/sip/draft.ts'
import type { DialogRecord } from './dialog-store.ts'
import type { PendingRequest } from './pending-request.ts'
import type { StackContext } from './stack-context.ts'
import { SUBSCRIBING, type Subscriptions } from './subscriptions.ts'

/** The dialogs that the answers of applications open. */
export class UasDialogs {
  readonly #stack: StackContext
  readonly #subscriptions: Subscriptions
  readonly #cancel: (invite: PendingRequest) => void

  /** @param cancel ends an INVITE that is open */
  constructor(stack: StackContext, subscriptions: Subscriptions, cancel: (invite: PendingRequest) => void) {
    this.#stack = stack
    this.#subscriptions = subscriptions
    this.#cancel = cancel
  }

  /**
   * A response is about to go out: opens or confirms the dialog that a 101-299 to an INVITE makes (RFC 3261 §12.1.1), or a 2xx to a
   * SUBSCRIBE or REFER (RFC 6665 §4.2.1).
   */
  keep(pending: PendingRequest, status: number, draft: Draft): void {
    const { request } = pending.transaction
    if (status <= 100 || status >= 300) return
    if (SUBSCRIBING.has(request.method)) {
      if (status >= 200) this.#keepSubscription(pending, draft)
    } else if (request.method === 'INVITE' && !pending.wasInDialog) {
      this.#keepInvited(pending, status < 200 ? 'early' : 'confirmed')
    }
  }

  #keepInvited(pending: PendingRequest, state: Dialog['state']): void {
    const { record } = pending
    if (record === undefined) {
      const opened = this.#open(pending, state)
      if (opened !== undefined) opened.theirInvite = { cancel: () => this.#cancel(pending) }
    } else if (record.dialog.state !== state) {
      this.#stack.dialogs.update(record, { ...record.dialog, state })
    }
  }

  #keepSubscription(pending: PendingRequest, draft: Draft): void {
    const { request } = pending.transaction
    const record = pending.record ?? this.#open(pending, 'confirmed')
    if (record === undefined) return
    if (!pending.wasInDialog) this.#subscriptions.begin(record)
    const granted = (name: string) => draftHeader(draft, name.toLowerCase())
    this.#subscriptions.accepted(record, request.method, (name) => request.header(name), granted)
  }

  #open(pending: PendingRequest, state: Dialog['state']): DialogRecord | undefined {
    const { client } = pending
    const { request, arrival } = pending.transaction
    // Without an application there is no response of those that make dialogs.
    const dialog = client && openAsUas(request, pending.localTag ?? '', state)
    if (client === undefined || dialog === undefined) return undefined
    const socket = { localHost: arrival.localHost, localPort: arrival.localPort }
    const owner = { client, socket, flow: arrival.flow }
    pending.record = this.#stack.dialogs.open(dialog, dialog.remoteTag, owner)
    return pending.record
  }
}
