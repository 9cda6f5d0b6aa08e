import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import type { MasterKey, Suite } from '../../sip/crypto-suite.ts'
import { deriveKeys, type SessionKeys } from './keys.ts'

/** Bytes of an RTCP packet that stay in clear: its first header and SSRC (RFC 3711 §3.4). */
const RTCP_CLEAR_BYTES = 8
/** E flag and index behind an SRTCP packet. */
const INDEX_BYTES = 4
const ENCRYPTED = 0x8000_0000

/** Protects packets of one direction under one master key, by their index. Knows nothing of order and replay. */
export class PacketCipher {
  readonly #suite: Suite
  readonly #rtp: SessionKeys
  readonly #rtcp: SessionKeys
  readonly #iv: Buffer
  readonly #word = Buffer.alloc(INDEX_BYTES)

  constructor(suite: Suite, rtp: SessionKeys, rtcp: SessionKeys) {
    this.#suite = suite
    this.#rtp = rtp
    this.#rtcp = rtcp
    this.#iv = Buffer.alloc(suite.kind === 'gcm' ? 12 : 16)
  }

  /** With the session keys of a master key. */
  static of(suite: Suite, master: MasterKey): PacketCipher {
    return new PacketCipher(suite, deriveKeys(suite, master, 'rtp'), deriveKeys(suite, master, 'rtcp'))
  }

  /**
   * @param headerBytes what stays in clear: header, CSRCs and extension
   * @param index roll-over counter and sequence number, 48 bits (RFC 3711 §3.3.1)
   */
  protectRtp(packet: Uint8Array, headerBytes: number, index: number): Buffer {
    const [header, payload] = [packet.subarray(0, headerBytes), packet.subarray(headerBytes)]
    const iv = this.#iv48(this.#rtp.salt, ssrcOfRtp(packet), index)
    if (this.#suite.kind === 'gcm') return Buffer.concat([header, ...this.#seal(this.#rtp, iv, header, payload)])
    const body = Buffer.concat([header, this.#stream(this.#rtp, iv, payload)])
    return Buffer.concat([body, this.#tag(this.#rtp, body, rocOf(index), this.#suite.rtpTagBytes)])
  }

  /** The packet in clear; null where it is not authentic under this key and index. */
  unprotectRtp(packet: Uint8Array, headerBytes: number, index: number): Buffer | null {
    const tagAt = packet.length - this.#suite.rtpTagBytes
    if (tagAt < headerBytes) return null
    const [header, payload, tag] = [
      packet.subarray(0, headerBytes),
      packet.subarray(headerBytes, tagAt),
      packet.subarray(tagAt),
    ]
    const iv = this.#iv48(this.#rtp.salt, ssrcOfRtp(packet), index)
    if (this.#suite.kind === 'gcm') return withHeader(header, this.#open(this.#rtp, iv, header, payload, tag))
    const expected = this.#tag(this.#rtp, packet.subarray(0, tagAt), rocOf(index), tag.length)
    if (!timingSafeEqual(expected, tag)) return null
    return Buffer.concat([header, this.#stream(this.#rtp, iv, payload)])
  }

  /** @param index 31 bits, of its own for each SSRC (RFC 3711 §3.4) */
  protectRtcp(packet: Uint8Array, index: number): Buffer {
    const [header, payload] = [packet.subarray(0, RTCP_CLEAR_BYTES), packet.subarray(RTCP_CLEAR_BYTES)]
    const trailer = Buffer.alloc(INDEX_BYTES)
    trailer.writeUInt32BE((ENCRYPTED | index) >>> 0)
    const iv = this.#iv48(this.#rtcp.salt, ssrcOfRtcp(packet), index)
    if (this.#suite.kind === 'gcm') {
      const sealed = this.#seal(this.#rtcp, iv, Buffer.concat([header, trailer]), payload)
      return Buffer.concat([header, ...sealed, trailer])
    }
    const body = Buffer.concat([header, this.#stream(this.#rtcp, iv, payload), trailer])
    return Buffer.concat([body, this.#tag(this.#rtcp, body, null, this.#suite.rtcpTagBytes)])
  }

  /** The packet in clear and its index; null where it is not authentic, or was not encrypted. */
  unprotectRtcp(packet: Uint8Array): { readonly packet: Buffer; readonly index: number } | null {
    const { kind, rtcpTagBytes } = this.#suite
    const isGcm = kind === 'gcm'
    const trailerAt = packet.length - INDEX_BYTES - (isGcm ? 0 : rtcpTagBytes)
    const payloadEnd = trailerAt - (isGcm ? rtcpTagBytes : 0)
    if (payloadEnd < RTCP_CLEAR_BYTES) return null
    const trailer = packet.subarray(trailerAt, trailerAt + INDEX_BYTES)
    const word = Buffer.from(trailer).readUInt32BE()
    if ((word & ENCRYPTED) === 0) return null
    const index = word & 0x7fff_ffff
    const [header, payload] = [packet.subarray(0, RTCP_CLEAR_BYTES), packet.subarray(RTCP_CLEAR_BYTES, payloadEnd)]
    const iv = this.#iv48(this.#rtcp.salt, ssrcOfRtcp(packet), index)
    let clear: Buffer | null
    if (isGcm) {
      const tag = packet.subarray(payloadEnd, trailerAt)
      clear = withHeader(header, this.#open(this.#rtcp, iv, Buffer.concat([header, trailer]), payload, tag))
    } else {
      const tag = packet.subarray(trailerAt + INDEX_BYTES)
      const expected = this.#tag(this.#rtcp, packet.subarray(0, trailerAt + INDEX_BYTES), null, tag.length)
      clear = timingSafeEqual(expected, tag) ? withHeader(header, this.#stream(this.#rtcp, iv, payload)) : null
    }
    return clear === null ? null : { packet: clear, index }
  }

  /** RFC 3711 §4.1.1, RFC 7714 §8.1; an SRTCP index of 31 bits stands where the 48 of SRTP do (RFC 7714 §9.1). */
  #iv48(salt: Buffer, ssrc: number, index: number): Buffer {
    const ssrcAt = this.#suite.kind === 'gcm' ? 2 : 4
    const iv = this.#iv.fill(0)
    iv.writeUInt32BE(ssrc, ssrcAt)
    iv.writeUIntBE(index, ssrcAt + 4, 6)
    for (let i = 0; i < salt.length; i++) iv.writeUInt8(iv.readUInt8(i) ^ salt.readUInt8(i), i)
    return iv
  }

  #stream({ cipher }: SessionKeys, iv: Buffer, payload: Uint8Array): Buffer {
    return createCipheriv(this.#suite.cipher, cipher, iv).update(payload)
  }

  /** @param roc what is authenticated behind the packet and not sent; null: nothing (SRTCP) */
  #tag({ auth }: SessionKeys, body: Uint8Array, roc: number | null, bytes: number): Buffer {
    const hmac = createHmac('sha1', auth).update(body)
    if (roc !== null) {
      this.#word.writeUInt32BE(roc)
      hmac.update(this.#word)
    }
    return hmac.digest().subarray(0, bytes)
  }

  #seal({ cipher }: SessionKeys, iv: Buffer, clear: Uint8Array, payload: Uint8Array): readonly Buffer[] {
    const seal = this.#suite.cipher === 'aes-256-gcm' ? 'aes-256-gcm' : 'aes-128-gcm'
    const gcm = createCipheriv(seal, cipher, iv).setAAD(clear)
    return [gcm.update(payload), gcm.final(), gcm.getAuthTag()]
  }

  #open({ cipher }: SessionKeys, iv: Buffer, clear: Uint8Array, payload: Uint8Array, tag: Uint8Array): Buffer | null {
    const seal = this.#suite.cipher === 'aes-256-gcm' ? 'aes-256-gcm' : 'aes-128-gcm'
    const gcm = createDecipheriv(seal, cipher, iv).setAAD(clear).setAuthTag(tag)
    const opened = gcm.update(payload)
    try {
      gcm.final()
      return opened
    } catch {
      return null // The tag is not that of the packet: the one thing that `final` throws for.
    }
  }
}

const withHeader = (header: Uint8Array, body: Buffer | null): Buffer | null =>
  body === null ? null : Buffer.concat([header, body])

const rocOf = (index: number): number => Math.floor(index / 0x1_0000)
const uint32At = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
const ssrcOfRtp = (packet: Uint8Array): number => uint32At(packet, 8)
const ssrcOfRtcp = (packet: Uint8Array): number => uint32At(packet, 4)
