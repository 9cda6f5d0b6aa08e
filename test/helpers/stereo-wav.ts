/** A WAV file of two 16-bit channels, as audible frames: whether each 20 ms of each side has sound. */
export function framesOf(wav: Buffer): { readonly left: readonly boolean[]; readonly right: readonly boolean[] } {
  const HEADER = 44
  const FRAME = 160
  if (wav.toString('latin1', 0, 4) !== 'RIFF' || wav.readUInt16LE(22) !== 2 || wav.readUInt32LE(24) !== 8_000) {
    throw new Error('no WAV of two channels at 8000 Hz')
  }
  const frames = Math.floor((wav.length - HEADER) / 4 / FRAME)
  const loud = (channel: number, frame: number): boolean => {
    for (let i = 0; i < FRAME; i++) {
      if (Math.abs(wav.readInt16LE(HEADER + 4 * (frame * FRAME + i) + 2 * channel)) > 1_000) return true
    }
    return false
  }
  const side = (channel: number): readonly boolean[] =>
    Array.from({ length: frames }, (_, frame) => loud(channel, frame))
  return { left: side(0), right: side(1) }
}
