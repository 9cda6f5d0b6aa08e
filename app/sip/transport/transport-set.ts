import { isIPv6 } from 'node:net'
import { assertNever } from '../../../lib/core/assert-never.ts'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import { STREAM_LIMITS, StreamTransport, type StreamTransportLimits } from './stream.ts'
import { TCP } from './stream-kind.ts'
import type { Tls } from './tls.ts'
import type { ListenAddress, Remote, Transport, TransportError, TransportHandler } from './transport.ts'
import { UdpTransport } from './udp.ts'

export interface TransportSetOptions {
  /** For `tls` addresses; without it they cannot be opened. */
  readonly tls?: Tls | undefined
  readonly limits?: StreamTransportLimits
}

/** All sockets a SIP server listens at: opened together, found by destination, closed together. */
export class TransportSet {
  /** In the order in which they were asked for; the first that fits a destination is the one used. */
  readonly transports: readonly Transport[]

  /** Opens all addresses; where one fails, those already open are closed and its error is returned. */
  static async listen(
    addresses: readonly ListenAddress[],
    handler: TransportHandler,
    { tls, limits = STREAM_LIMITS }: TransportSetOptions = {},
  ): Promise<Result<TransportSet, TransportError>> {
    const open: Transport[] = []
    for (const address of addresses) {
      const opened = await openTransport(address, handler, tls, limits)
      if (!opened.ok) {
        await new TransportSet(open).close()
        return err(opened.error)
      }
      open.push(opened.value)
    }
    return ok(new TransportSet(open))
  }

  constructor(transports: readonly Transport[]) {
    this.transports = transports
  }

  /**
   * The transport by which a destination is reached: of its protocol and address family. Its `local` is what stands in
   * the Via of a request. `localPort` prefers the socket a request came in at, for its answer and for a dialog.
   */
  find(remote: Remote, localPort?: number): Transport | undefined {
    const isV6 = isIPv6(remote.host)
    const fits = (one: Transport): boolean => one.protocol === remote.protocol && isIPv6(one.local.host) === isV6
    return (
      (localPort === undefined
        ? undefined
        : this.transports.find((one) => fits(one) && one.local.port === localPort)) ?? this.transports.find(fits)
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.transports.map((one) => one.close()))
  }
}

function openTransport(
  address: ListenAddress,
  handler: TransportHandler,
  tls: Tls | undefined,
  limits: StreamTransportLimits,
): Promise<Result<Transport, TransportError>> {
  switch (address.protocol) {
    case 'udp':
      return UdpTransport.listen(address, handler)
    case 'tcp':
      return StreamTransport.listen(TCP, address, handler, limits)
    case 'tls': {
      if (tls !== undefined) return StreamTransport.listen(tls, address, handler, limits)
      const message = `no certificate for the tls socket at ${address.host}:${address.port}`
      return Promise.resolve(err({ code: 'no-transport', message }))
    }
    default:
      return assertNever(address.protocol)
  }
}
