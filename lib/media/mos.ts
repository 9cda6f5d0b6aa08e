/** How a stream fared; what the E-model needs of it. */
export interface StreamQuality {
  /** Packets lost, 0 … 100 %. */
  readonly lossPercent: number
  /** Mean length of the runs of lost packets against that of random loss: 1 is random, above is bursty (G.107 BurstR). */
  readonly burstRatio: number
  /** Interarrival jitter; a jitter buffer of twice this much is assumed to hide it, as delay. */
  readonly jitterMs: number
  /** One way, network only. */
  readonly delayMs: number
}

/** The transmission rating with all defaults of ITU-T G.107 Table 3: no impairment but those below. */
const DEFAULT_R = 93.2
/** Packet-loss robustness of G.711 without concealment (G.113 Appendix I): we fill with silence. */
const BPL_G711 = 4.3
/** Equipment impairment of G.711 itself (G.113). */
const IE_G711 = 0
/** Packetisation and playout of one frame each, at either end. */
const FIXED_DELAY_MS = 40
/** Above this one-way delay, conversation suffers noticeably (G.107's simplified form of Idd, after Cole and Rosenbluth). */
const DELAY_KNEE_MS = 177.3

/** Transmission rating factor R of the E-model (ITU-T G.107), 0 … 93.2, for G.711. */
export function ratingFactor(quality: StreamQuality): number {
  const delayMs = quality.delayMs + 2 * quality.jitterMs + FIXED_DELAY_MS
  const delayImpairment = 0.024 * delayMs + 0.11 * Math.max(0, delayMs - DELAY_KNEE_MS)
  const burst = Math.max(1, quality.burstRatio)
  const lossImpairment = IE_G711 + ((95 - IE_G711) * quality.lossPercent) / (quality.lossPercent / burst + BPL_G711)
  return Math.max(0, DEFAULT_R - delayImpairment - lossImpairment)
}

/** Conversational MOS, 1 … 4.5, from R (ITU-T G.107 Annex B). */
export function mosFromRating(r: number): number {
  if (r <= 0) return 1
  if (r >= 100) return 4.5
  // Below R ≈ 6.5 the polynomial dips under 1, which is the scale's floor.
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
}

/** MOS of a G.711 stream, rounded to two digits, as records show it. */
export const mos = (quality: StreamQuality): number => Math.round(mosFromRating(ratingFactor(quality)) * 100) / 100
