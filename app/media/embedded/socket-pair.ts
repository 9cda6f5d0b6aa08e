import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { TransportAddress } from '../../../lib/sip/sdp.ts'

export type OnPacket = (packet: Buffer, from: RemoteInfo) => void

/** Packets of a second of audio may wait in the kernel; more would only be late. */
const RECEIVE_BUFFER_BYTES = 64 * 1024

/** What a leg sends and receives by. */
export interface RtpSockets {
  /** Where packets go. They are judged by their source, as anybody may send to a UDP port. */
  listen(onRtp: OnPacket, onRtcp: OnPacket): void
  /** The packet must stay as it is until the kernel has it, which is at once unless its buffer is full. */
  sendRtp(packet: Uint8Array, to: TransportAddress): void
  /** `muxed`: over the RTP socket (RFC 5761). */
  sendRtcp(packet: Uint8Array, to: TransportAddress, muxed: boolean): void
  /** Resolves when both ports are free again. Safe to call twice. */
  close(): Promise<void>
}

/** The UDP sockets of one leg: RTP on an even port, RTCP on the odd one above (RFC 3550 §11). */
export class SocketPair implements RtpSockets {
  readonly #rtp: Socket
  readonly #rtcp: Socket
  #closed: Promise<void> | null = null

  private constructor(rtp: Socket, rtcp: Socket) {
    this.#rtp = rtp
    this.#rtcp = rtcp
  }

  /** Binds both; rejects with the error of the one that cannot be bound, and leaves nothing open. */
  static async open(address: string, rtpPort: number): Promise<SocketPair> {
    const rtp = await bind(address, rtpPort)
    try {
      return new SocketPair(rtp, await bind(address, rtpPort + 1))
    } catch (cause) {
      await close(rtp)
      throw cause
    }
  }

  listen(onRtp: OnPacket, onRtcp: OnPacket): void {
    this.#rtp.on('message', onRtp)
    this.#rtcp.on('message', onRtcp)
  }

  sendRtp(packet: Uint8Array, to: TransportAddress): void {
    if (this.#closed === null) this.#rtp.send(packet, to.port, to.address)
  }

  sendRtcp(packet: Uint8Array, to: TransportAddress, muxed: boolean): void {
    if (this.#closed === null) (muxed ? this.#rtp : this.#rtcp).send(packet, to.port, to.address)
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all([close(this.#rtp), close(this.#rtcp)]).then(() => undefined)
    return this.#closed
  }
}

async function bind(address: string, port: number): Promise<Socket> {
  const ipv6 = address.includes(':')
  const socket = createSocket({
    type: ipv6 ? 'udp6' : 'udp4',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Every address is a literal already: without this each packet would wait a turn of the loop for dns.lookup.
    lookup: (literal, _options, done) => done(null, literal, ipv6 ? 6 : 4),
  })
  try {
    // As the lookup is synchronous, so is the bind.
    const listening = once(socket, 'listening')
    socket.bind(port, address)
    await listening
  } catch (cause) {
    await close(socket)
    throw cause
  }
  // ICMP errors (port unreachable) and full buffers arrive here: the next packet is due in 20 ms anyway.
  socket.on('error', () => {})
  return socket
}

function close(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(resolve)
  })
}
