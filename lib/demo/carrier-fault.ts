/** What is wrong with a simulated carrier. One at a time; each is something that carriers do to their customers. */
export type CarrierFault =
  | { readonly kind: 'none' }
  /** Neither SIP nor RTP comes or goes, on calls that are up as well: an uplink that is cut. */
  | { readonly kind: 'silent' }
  /** Each INVITE gets this status, with Retry-After unless null. OPTIONS are still answered 200. */
  | { readonly kind: 'reject'; readonly status: number; readonly retryAfterS: number | null }
  /** An INVITE gets 100 and nothing more. OPTIONS are still answered 200. */
  | { readonly kind: 'blackhole' }
  /** Well for `upMs`, then silent for `downMs`, and so on. */
  | { readonly kind: 'flap'; readonly upMs: number; readonly downMs: number }
  /** Answers, and sends no RTP; what is sent to it is taken. Calls that are up fall mute as well. */
  | { readonly kind: 'mute' }
  /** Of the RTP packets that it would send, 0 to 100 percent are not sent, on calls that are up as well. */
  | { readonly kind: 'loss'; readonly percent: number }
  /** Each answer to an INVITE or OPTIONS, the 100 as well, comes this much later. */
  | { readonly kind: 'delay'; readonly ms: number }
