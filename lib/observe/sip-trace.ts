/** One SIP message of a call as it was seen on the wire: what ladder and pcap are made of. */
export interface SipTrace {
  readonly at: Date
  /** `in`: towards us. */
  readonly direction: 'in' | 'out'
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** `host:port`, an IPv6 host in brackets. */
  readonly local: string
  readonly remote: string
  /** The message as it was on the wire. */
  readonly message: string
}
