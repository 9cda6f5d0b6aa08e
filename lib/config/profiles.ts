/** What is known of a carrier and gives defaults to its trunks. */
export interface CarrierDefaults {
  /** Whether it follows a 302 of ours. Proven by a test call only; where it is not known, 503 is the safe word. */
  readonly follows3xx: boolean
}

/** `generic` is a SIP peer that does what RFC 3261 §8.1.3.4 says. */
export const CARRIER_DEFAULTS = {
  generic: { follows3xx: true },
  twilio: { follows3xx: false },
  telnyx: { follows3xx: false },
  bandwidth: { follows3xx: false },
  sinch: { follows3xx: false },
} as const satisfies Record<string, CarrierDefaults>
