import { isIPv6 } from 'node:net'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import { TCP_LIMITS, TcpTransport, type TcpTransportLimits } from './tcp.ts'
import type { ListenAddress, Remote, Transport, TransportError, TransportHandler } from './transport.ts'
import { UdpTransport } from './udp.ts'

/** All sockets a SIP server listens at: opened together, found by destination, closed together. */
export class TransportSet {
  /** In the order in which they were asked for; the first that fits a destination is the one used. */
  readonly transports: readonly Transport[]

  /** Opens all addresses; where one fails, those already open are closed and its error is returned. */
  static async listen(
    addresses: readonly ListenAddress[],
    handler: TransportHandler,
    limits: TcpTransportLimits = TCP_LIMITS,
  ): Promise<Result<TransportSet, TransportError>> {
    const open: Transport[] = []
    for (const address of addresses) {
      const opened = await openTransport(address, handler, limits)
      if (!opened.ok) {
        await new TransportSet(open).close()
        return err(opened.error)
      }
      open.push(opened.value)
    }
    return ok(new TransportSet(open))
  }

  private constructor(transports: readonly Transport[]) {
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
  limits: TcpTransportLimits,
): Promise<Result<Transport, TransportError>> {
  return address.protocol === 'udp'
    ? UdpTransport.listen(address, handler)
    : TcpTransport.listen(address, handler, limits)
}
