/** Longest piece that is synthesized at once: about 20 s of speech. */
const SENTENCE_CHARS = 300

/**
 * A text in sentences, each of which is synthesized, and remembered, by itself: greetings and phrases return with every call. Text
 * without an end is cut at a space.
 */
export function splitSentences(text: string): readonly string[] {
  return text
    .split(/(?<=[.!?…])\s+|\n+/)
    .flatMap(cutLong)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '')
}

function cutLong(sentence: string): readonly string[] {
  const pieces: string[] = []
  let rest = sentence
  while (rest.length > SENTENCE_CHARS) {
    const space = rest.lastIndexOf(' ', SENTENCE_CHARS)
    const at = space > 0 ? space : SENTENCE_CHARS
    pieces.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return [...pieces, rest]
}

/**
 * What the synthesizer can pronounce: accents are taken off, typographic signs become plain, every other sign beyond ASCII is left
 * out, as are control characters.
 */
export function pronounceable(sentence: string): string {
  return sentence
    .normalize('NFKD')
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[–—]/g, ', ')
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
}
