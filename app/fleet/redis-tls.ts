import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { AbstractConnector } from 'ioredis'

/**
 * How ioredis connects by TLS, with one thing more: it listens for one error of a socket, and a handshake that fails may
 * tell of two, of which the second would end the process.
 */
export function tlsConnector(options: ConnectionOptions, disconnectTimeoutMs: number): new () => AbstractConnector {
  return class TlsConnector extends AbstractConnector {
    constructor() {
      super(disconnectTimeoutMs)
    }

    override async connect(): Promise<TLSSocket> {
      this.connecting = true
      const socket = connect(options)
      socket.on('error', (error) => {
        this.firstError ??= error
      })
      this.stream = socket
      return socket
    }
  }
}
