import { connect, type Socket } from 'node:net'

/** Where to connect to. */
export interface Dial {
  readonly host: string
  readonly port: number
  /** The address to leave from; undefined leaves it to the system. */
  readonly localAddress: string | undefined
  /** Whom the other end has to prove to be, where the kind asks for proof. */
  readonly serverName: string
}

/** What a stream transport lays on its connections: nothing, or TLS. */
export interface StreamKind {
  readonly protocol: 'tcp' | 'tls'
  /** A connection of ours is bound to the name it was opened for, and serves no other; for want of proof one of theirs serves none. */
  readonly provesNames: boolean
  /** The event of a socket of `dial` that says that it carries messages. */
  readonly opened: 'connect' | 'secureConnect'
  dial(to: Dial): Socket
  /** Gives a connection that came in to `ready` once it carries messages; never where it fails before that, which closes it. */
  admit(raw: Socket, ready: (socket: Socket) => void, failed: (cause: Error) => void): void
}

/** SIP over TCP as it is. */
export const TCP: StreamKind = {
  protocol: 'tcp',
  provesNames: false,
  opened: 'connect',
  dial: ({ host, port, localAddress }) =>
    connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) }),
  admit: (raw, ready) => ready(raw),
}
