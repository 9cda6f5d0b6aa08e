import type { Arrival, Remote, SendDone } from '../transport/transport.ts'

/** How transactions reach the transports: the socket is chosen by protocol and, where given, our own address. */
export interface Network {
  send(bytes: Buffer, remote: Remote, from: LocalSocket | undefined, done: SendDone): void
}

/** The socket a message came to, and from which the answer leaves. */
export type LocalSocket = Pick<Arrival, 'localHost' | 'localPort'>
