/** One SIP message of a call as it was seen on the wire: what ladder and pcap are made of. */
export interface SipTrace {
  readonly at: Date
  /** `in`: towards us. */
  readonly direction: 'in' | 'out'
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** `host:port`, an IPv6 host in brackets. */
  readonly local: string
  readonly remote: string
  /** The message as it was on the wire, its keys of SRTP excepted (`hideKeys`). */
  readonly message: string
}

/** Keys of SRTP in a description: of `a=crypto` (RFC 4568), of `a=key-mgmt` (RFC 4567), of the old `k=` (RFC 4566 §5.12). */
const KEYS = /(\binline:|^a=key-mgmt:\S+ |^k=(?:clear|base64):)([^\s|;]+)/gim

/** A SIP message that may be kept and shown: each key gives way to as many `*`, so that Content-Length stays true. */
export const hideKeys = (message: string): string =>
  message.replace(KEYS, (_all, before: string, key: string) => before + '*'.repeat(Buffer.byteLength(key)))
