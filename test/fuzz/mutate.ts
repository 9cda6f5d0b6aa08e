import type { Prng } from './prng.ts'

/** Changes an input in one way. `other` is another input of the same corpus. */
type Mutation = (input: Buffer, prng: Prng, other: Buffer, words: readonly string[]) => Buffer

/** Longest input that a mutation makes: somewhat over the longest message that the server takes. */
const MAX_INPUT_BYTES = 80_000

/** Mutations upon one input. */
const MAX_MUTATIONS = 6

/** Bytes that mean something in one format or another. */
const TELLING = Buffer.from('\0\t\r\n "#%&\'()*,-./0:;<=>?@[\\]{|}~\x7f\x80\xbf\xc0\xff', 'latin1')

/** Numbers at which counts, lengths and fields of 8, 16, 31, 32, 53 and 64 bits end. */
const NUMBERS = [
  '0', '-1', '1', '00', '007', '99', '100', '127', '128', '255', '256', '699', '700', '999', '65535', '65536', '65537',
  '2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991', '9007199254740993', '18446744073709551616',
  '1e9', '0x10', '+1', ' 1', '1.5', '', `1${'0'.repeat(400)}`,
] as const // biome-ignore format: a table

/** Text that is no proper UTF-8, or is odd though it is. */
const ODD_TEXT = [
  [0xc0, 0x80], [0xc3], [0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xfe], [0xef, 0xbb, 0xbf],
  [0xe2, 0x80, 0xa8], [0xc2, 0x85], [0xc2, 0xa0], [0xf0, 0x9f, 0x93, 0x9e], [0xef, 0xbc, 0x9a], [0xc4, 0xb0],
].map((bytes) => Buffer.from(bytes)) // biome-ignore format: a table

const LINE_ENDS = ['\n', '\r', '\r\n', '\n\r', '\r\r\n', '\r\n\r\n', '\r\n ', '\r\n\t', ' \r\n', '\x0b', '\0'] as const

/** Cut out `from` … `to` and put bytes in their place. */
const replace = (input: Buffer, from: number, to: number, ...bytes: readonly Uint8Array[]): Buffer =>
  Buffer.concat([input.subarray(0, from), ...bytes, input.subarray(to)])

/** Where a stretch of an input begins and ends. */
function stretch(input: Buffer, prng: Prng): readonly [from: number, to: number] {
  const from = prng.below(input.length)
  return [from, Math.min(input.length, from + prng.length(input.length))]
}

/** Changes the lines of a text. */
function onLines(change: (lines: string[], prng: Prng, other: readonly string[]) => readonly string[]): Mutation {
  return (input, prng, other) => {
    const lines = input.toString('latin1').split('\r\n')
    return Buffer.from(change(lines, prng, other.toString('latin1').split('\r\n')).join('\r\n'), 'latin1')
  }
}

const nameOf = (line: string): string => line.slice(0, Math.max(0, line.indexOf(':')))
const restOf = (line: string): string => line.slice(line.indexOf(':') + 1)

const MUTATIONS: readonly Mutation[] = [
  function flipBits(input, prng) {
    const flipped = Buffer.from(input)
    for (let i = prng.below(8); i >= 0; i--) {
      const at = prng.below(flipped.length)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << prng.below(8))
    }
    return flipped
  },
  function putTelling(input, prng) {
    const changed = Buffer.from(input)
    for (let i = prng.below(4); i >= 0; i--) changed[prng.below(changed.length)] = prng.pick([...TELLING])
    return changed
  },
  function insertTelling(input, prng) {
    const at = prng.below(input.length + 1)
    const byte = Buffer.from([prng.pick([...TELLING])])
    return replace(input, at, at, Buffer.alloc(1 + (prng.oneIn(8) ? prng.length(5000) : prng.below(3)), byte))
  },
  function cut(input, prng) {
    return replace(input, ...stretch(input, prng))
  },
  function truncate(input, prng) {
    return input.subarray(0, prng.below(input.length))
  },
  function repeat(input, prng) {
    const [from, to] = stretch(input, prng)
    const part = input.subarray(from, to)
    const times = Math.min(prng.length(2000), Math.floor(MAX_INPUT_BYTES / Math.max(1, part.length)))
    return replace(input, to, to, ...new Array<Buffer>(times).fill(part))
  },
  function splice(input, prng, other) {
    const [from, to] = stretch(other, prng)
    const at = prng.below(input.length)
    return replace(input, at, prng.oneIn(2) ? at : Math.min(input.length, at + to - from), other.subarray(from, to))
  },
  function joinHalves(input, prng, other) {
    return Buffer.concat([input.subarray(0, prng.below(input.length)), other.subarray(prng.below(other.length))])
  },
  function changeNumber(input, prng) {
    const text = input.toString('latin1')
    const numbers = [...text.matchAll(/\d+/g)]
    if (numbers.length === 0) return input
    const found = prng.pick(numbers)
    return replace(input, found.index, found.index + found[0].length, Buffer.from(prng.pick(NUMBERS)))
  },
  function breakText(input, prng) {
    const at = prng.below(input.length + 1)
    return replace(input, at, at, prng.pick(ODD_TEXT))
  },
  function putWord(input, prng, _, words) {
    const at = prng.below(input.length + 1)
    return words.length === 0 ? input : replace(input, at, at, Buffer.from(prng.pick(words)))
  },
  function changeLineEnd(input, prng) {
    const ends = [...input.toString('latin1').matchAll(/\r\n/g)]
    const all = prng.oneIn(4)
    const end = Buffer.from(prng.pick(LINE_ENDS))
    if (all) return Buffer.from(input.toString('latin1').replaceAll('\r\n', end.toString('latin1')), 'latin1')
    return ends.length === 0 ? input : ((at) => replace(input, at, at + 2, end))(prng.pick(ends).index)
  },
  onLines(function repeatLine(lines, prng) {
    const line = prng.pick(lines)
    const copies = new Array<string>(prng.oneIn(6) ? prng.length(400) : 1).fill(line)
    return lines.toSpliced(prng.below(lines.length), 0, ...copies)
  }),
  onLines(function dropLine(lines, prng) {
    return lines.toSpliced(prng.below(lines.length), 1)
  }),
  onLines(function swapLines(lines, prng) {
    const [a, b] = [prng.below(lines.length), prng.below(lines.length)]
    return lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '')
  }),
  onLines(function swapNames(lines, prng) {
    const [a, b] = [prng.below(lines.length), prng.below(lines.length)]
    const [one, two] = [lines[a] ?? '', lines[b] ?? '']
    return lines.with(a, `${nameOf(two)}:${restOf(one)}`).with(b, `${nameOf(one)}:${restOf(two)}`)
  }),
  onLines(function takeLine(lines, prng, other) {
    return lines.toSpliced(prng.below(lines.length), prng.below(2), prng.pick(other))
  }),
  onLines(function growLine(lines, prng) {
    const at = prng.below(lines.length)
    const grain = prng.pick([
      'a',
      ';p=1',
      ';',
      ',',
      ', ',
      '"',
      '\\',
      '(',
      '<',
      '>',
      ' ',
      '%41',
      '@',
      ':',
      '.',
      '=',
      '\r\n ',
    ])
    return lines.with(at, `${lines[at] ?? ''}${grain.repeat(prng.length(Math.floor(70_000 / grain.length)))}`)
  }),
]

/** An input of the corpus, changed once or several times; at times as it is. */
export function mutate(corpus: readonly Buffer[], words: readonly string[], prng: Prng): Buffer {
  let input = prng.pick(corpus)
  for (let i = prng.oneIn(32) ? 0 : 1 + prng.below(MAX_MUTATIONS); i > 0; i--) {
    const changed = prng.pick(MUTATIONS)(input, prng, prng.pick(corpus), words)
    input = changed.length === 0 ? input : changed.subarray(0, MAX_INPUT_BYTES)
  }
  return Buffer.from(input)
}
