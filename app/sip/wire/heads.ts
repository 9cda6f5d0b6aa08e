import type { Arrival, Remote } from '../transport/transport.ts'

/** The head of a frame is its text before the SIP message: fields separated by `|`, at the positions drachtio-srf reads. */

/** A command of a client, taken apart. */
export interface Command {
  readonly msgId: string
  readonly name: string
  readonly fields: readonly string[]
  /** The SIP message after the head; undefined where there is none. */
  readonly message: Buffer | undefined
}

/** Takes a client's payload apart; undefined with fewer than two fields. */
export function parseCommand(payload: Buffer): Command | undefined {
  const end = payload.indexOf('\r\n')
  const head = payload.toString('utf8', 0, end < 0 ? payload.length : end)
  const [msgId, name, ...fields] = head.split('|')
  if (msgId === undefined || name === undefined || msgId === '' || name === '') return undefined
  return { msgId, name, fields, message: end < 0 ? undefined : payload.subarray(end + 2) }
}

/** The last second that was formatted: all but the first frame of a second need only the digits after the dot. */
let lastSecond = -1
let lastText = ''

/** `hh:mm:ss.uuuuuu` in UTC, of wall time in milliseconds. */
export function wireTime(atMs: number): string {
  const second = Math.floor(atMs / 1000)
  if (second !== lastSecond) {
    lastSecond = second
    lastText = new Date(second * 1000).toISOString().slice(11, 19)
  }
  const micros = Math.floor((atMs - second * 1000) * 1000)
  return `${lastText}.${String(micros).padStart(6, '0')}`
}

/** A peer or one of our own addresses, where a head names one. */
export interface WireAddress {
  readonly protocol: string
  readonly host: string
  readonly port: number | string
}

const NOBODY: WireAddress = { protocol: 'udp', host: '', port: 0 }

/** The peer a message came from. */
export const peerOf = (arrival: Arrival): WireAddress => ({
  protocol: arrival.protocol,
  host: arrival.remoteHost,
  port: arrival.remotePort,
})

/** The peer a message went to. */
export const remoteOf = (remote: Remote): WireAddress => remote

interface Message {
  readonly bytes: number
  readonly atMs: number
  readonly txnId: string
  /** Empty outside of a dialog. */
  readonly dialogId: string
}

const tail = (message: Message, address: WireAddress): string =>
  `${message.bytes}|${address.protocol}|${address.host}|${address.port}|${wireTime(message.atMs)}|${message.txnId}|`

/** A SIP message from the network. Outside of a dialog the address it came to follows. */
export function networkHead(id: string, arrival: Arrival, message: Message): string {
  const local = message.dialogId === '' ? `${arrival.localHost}|${arrival.localPort}|` : ''
  return `${id}|sip|network|${tail(message, peerOf(arrival))}${message.dialogId}|${local}`
}

/** A response that nobody sent: 408 or 503 made by this server. It has no peer, by which a client can tell it. */
export const syntheticHead = (id: string, message: Message): string =>
  `${id}|sip|network|${tail(message, NOBODY)}${message.dialogId}|`

/** A request that this server sent in a client's dialog by itself. */
export const unsolicitedHead = (id: string, remote: Remote, message: Omit<Message, 'txnId'>): string =>
  `${id}|sip|application|${tail({ ...message, txnId: 'unsolicited' }, remote)}${message.dialogId}|`

/** The answer to a request that went out; the address is our own. */
export const requestSentHead = (id: string, msgId: string, local: WireAddress, message: Message): string =>
  `${id}|response|${msgId}|OK|application|${tail(message, local)}Msg sent:|`

/** The answer to a response that went out; the address is the peer's. */
export const responseSentHead = (id: string, msgId: string, peer: WireAddress, message: Message): string =>
  `${id}|response|${msgId}|OK|application|${tail(message, peer)}${message.dialogId}||Msg sent:|`

/** A final response to a request that the client has had proxied; `continue` keeps the command open for more. */
export const proxyResponseHead = (id: string, msgId: string, from: Arrival, bytes: number, atMs: number): string =>
  `${id}|response|${msgId}|OK|network|${bytes}|${from.protocol}|${from.remoteHost}|${from.remotePort}|${wireTime(atMs)}|||continue`

/** `OK`, `NO` or `NOK`, with further fields. */
export const answerHead = (id: string, msgId: string, ...fields: readonly string[]): string =>
  `${id}|response|${msgId}|${fields.join('|')}`

/** A call data record event. `detail` is the role of a start, the reason of a stop. */
export const cdrHead = (id: string, event: string, source: string, atMs: number, detail?: string): string =>
  `${id}|cdr:${event}|${source}|${wireTime(atMs)}${detail === undefined ? '' : `|${detail}`}`
