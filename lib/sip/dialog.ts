import type { SipRequest, SipResponse } from './message.ts'
import { formatNameAddr, type NameAddr, tagOf } from './name-addr.ts'
import { targetOfUri } from './targets.ts'
import { isSipUri, parseUri } from './uri.ts'

/** A dialog's state as RFC 3261 §12 has it. A value: each change makes a new one. */
export interface Dialog {
  readonly role: 'uac' | 'uas'
  readonly state: 'early' | 'confirmed'
  readonly callId: string
  readonly localTag: string
  readonly remoteTag: string
  /** Our side as a From value of requests we send, tag included. */
  readonly local: string
  /** The other side as a To value of requests we send, tag included where the peer has one. */
  readonly remote: string
  /** The peer's Contact: the Request-URI of what we send. */
  readonly remoteTarget: string
  /** Route values in the order a request of ours carries them. */
  readonly routeSet: readonly string[]
  /** CSeq number of the last request we sent. */
  readonly localSeq: number
  /** CSeq number of the last request the peer sent; undefined before its first. */
  readonly remoteSeq: number | undefined
}

/** The methods that replace the remote target by their Contact (RFC 3261 §12.2, RFC 3311, RFC 6665, RFC 3515). */
const TARGET_REFRESH: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER'])

/**
 * The dialog a UAS opens with a 101-299 to an INVITE (RFC 3261 §12.1.1). Undefined where the INVITE has no Contact: no
 * request could ever be sent in it.
 */
export function openAsUas(request: SipRequest, localTag: string, state: Dialog['state']): Dialog | undefined {
  const target = contactUri(request)
  if (target === undefined) return undefined
  return {
    role: 'uas',
    state,
    callId: request.callId,
    localTag,
    // A peer of RFC 2543 may send no tag: it counts as a null tag (RFC 3261 §12.1.1).
    remoteTag: tagOf(request.from()) ?? '',
    local: formatNameAddr(withTag(request.to(), localTag)),
    remote: formatNameAddr(request.from()),
    remoteTarget: target,
    routeSet: request.recordRoutes().map(formatNameAddr),
    localSeq: 0,
    remoteSeq: request.cseq().seq,
  }
}

/**
 * The dialog a UAC opens at a 101-299 to its INVITE (RFC 3261 §12.1.2): the route set is reversed. Undefined where the
 * response has no To tag (a 1xx of RFC 2543) or no Contact to send anything to.
 *
 * @param source a SIP URI of the address that the response came from: where requests go until a 2xx gives a Contact, after a 1xx without
 * one that wants a PRACK all the same, as some peers send it
 */
export function openAsUac(request: SipRequest, response: SipResponse, source?: string): Dialog | undefined {
  const remoteTag = tagOf(response.to())
  const target = contactUri(response) ?? (response.status < 200 ? source : undefined)
  if (remoteTag === undefined || target === undefined) return undefined
  return {
    role: 'uac',
    state: response.status < 200 ? 'early' : 'confirmed',
    callId: request.callId,
    localTag: tagOf(request.from()) ?? '',
    remoteTag,
    local: formatNameAddr(request.from()),
    remote: formatNameAddr(response.to()),
    remoteTarget: target,
    routeSet: response.recordRoutes().map(formatNameAddr).reverse(),
    localSeq: request.cseq().seq,
    remoteSeq: undefined,
  }
}

/** A 2xx to our INVITE that requests can be sent in the dialog of: a 200 with a Contact or a Record-Route that leads somewhere. */
export function isUsableSuccess(request: SipRequest, response: SipResponse): boolean {
  const dialog = response.status === 200 ? openAsUac(request, response) : undefined
  return dialog !== undefined && typeof targetOfUri(routeInDialog(dialog).nextHop) !== 'string'
}

/**
 * What is needed of a dialog to acknowledge and end a 2xx that is not usable. Nobody knows where its requests belong but the peer
 * that sent it: they go to `source`, a SIP URI of the address that it came from.
 */
export const dialogToEnd = (request: SipRequest, response: SipResponse, source: string): Dialog => ({
  role: 'uac',
  state: 'confirmed',
  callId: request.callId,
  localTag: tagOf(request.from()) ?? '',
  remoteTag: tagOf(response.to()) ?? '',
  local: formatNameAddr(request.from()),
  remote: formatNameAddr(response.to()),
  remoteTarget: source,
  routeSet: [],
  localSeq: request.cseq().seq,
  remoteSeq: undefined,
})

/** The 2xx of a UAC's early dialog: confirmed, with the route set computed anew (RFC 3261 §13.2.2.4). */
export function confirmAsUac(dialog: Dialog, response: SipResponse): Dialog {
  return {
    ...dialog,
    state: 'confirmed',
    remote: formatNameAddr(response.to()),
    remoteTarget: contactUri(response) ?? dialog.remoteTarget,
    routeSet: response.recordRoutes().map(formatNameAddr).reverse(),
  }
}

/** Whether a request of the peer may be taken: its CSeq must not be lower than the last (RFC 3261 §12.2.2). */
export const isInOrder = (dialog: Dialog, seq: number): boolean =>
  dialog.remoteSeq === undefined || seq > dialog.remoteSeq

/** The dialog after a request of the peer that was in order. */
export function afterRemoteRequest(dialog: Dialog, request: SipRequest): Dialog {
  const target = TARGET_REFRESH.has(request.method) ? contactUri(request) : undefined
  return { ...dialog, remoteSeq: request.cseq().seq, remoteTarget: target ?? dialog.remoteTarget }
}

/** The dialog after a 2xx of the peer to a request of ours: a target refresh takes its Contact (RFC 3261 §12.2.1.2). */
export function afterRemoteSuccess(dialog: Dialog, response: SipResponse): Dialog {
  const target = TARGET_REFRESH.has(response.cseq().method) ? contactUri(response) : undefined
  return target === undefined ? dialog : { ...dialog, remoteTarget: target }
}

/** What a request in a dialog carries (RFC 3261 §12.2.1.1). */
export interface InDialogRoute {
  readonly uri: string
  /** Values for Route headers, in order. */
  readonly routes: readonly string[]
  /** The URI whose host the request is sent to. */
  readonly nextHop: string
}

/**
 * Where a request in a dialog goes. A first route without `lr` is a strict router: it becomes the Request-URI, and the
 * remote target goes to the end of the routes.
 */
export function routeInDialog(dialog: Dialog): InDialogRoute {
  const [first, ...others] = dialog.routeSet
  if (first === undefined) return { uri: dialog.remoteTarget, routes: [], nextHop: dialog.remoteTarget }
  const firstUri = first.slice(first.lastIndexOf('<') + 1, first.lastIndexOf('>'))
  const parsed = parseUri(firstUri)
  if (parsed !== undefined && isSipUri(parsed) && !parsed.params.has('lr')) {
    return { uri: firstUri, routes: [...others, `<${dialog.remoteTarget}>`], nextHop: firstUri }
  }
  return { uri: dialog.remoteTarget, routes: dialog.routeSet, nextHop: firstUri }
}

/** The key under which a request of the peer finds the dialog: Call-ID and both tags as the peer sees them. */
export const dialogKey = (callId: string, localTag: string, remoteTag: string): string =>
  `${callId} ${localTag} ${remoteTag}`

function contactUri(message: SipRequest | SipResponse): string | undefined {
  const contacts = message.contacts()
  return contacts === '*' ? undefined : contacts[0]?.uri
}

const withTag = (address: NameAddr, tag: string): NameAddr =>
  tagOf(address) === undefined ? { ...address, params: address.params.with('tag', tag) } : address
