import type { CarrierFault } from './carrier-fault.ts'

/** What can be done to a carrier of the demo. */
export type Deed = 'kill' | 'silence' | 'reject' | 'blackhole' | 'mute' | 'revive'

export type DemoCommand =
  | { readonly kind: 'deed'; readonly deed: Deed; readonly carrier: string }
  | { readonly kind: 'select'; readonly carrier: string }
  | { readonly kind: 'status' | 'help' | 'quit' }
  /** No command; `text` says what there is. */
  | { readonly kind: 'unknown'; readonly text: string }

/** What each deed does; null: it is the process that is killed or started anew. */
export const FAULT_OF: Readonly<Record<Deed, CarrierFault | null>> = {
  kill: null,
  silence: { kind: 'silent' },
  reject: { kind: 'reject', status: 503, retryAfterS: null },
  blackhole: { kind: 'blackhole' },
  mute: { kind: 'mute' },
  revive: null,
}

/** The key of each deed on a terminal. */
const DEED_OF_KEY: Readonly<Record<string, Deed>> = {
  k: 'kill',
  s: 'silence',
  r: 'reject',
  h: 'blackhole',
  m: 'mute',
  v: 'revive',
}

/** Ctrl-C and Ctrl-D, as a terminal in raw mode gives them. */
const QUIT_KEYS = ['q', 'Q', '\u0003', '\u0004']

const isDeed = (word: string): word is Deed => Object.hasOwn(FAULT_OF, word)

/** What a script may write. */
export const commandHelp = (carriers: readonly string[]): string =>
  `there is ${Object.keys(FAULT_OF).join(', ')} with ${carriers.join(' or ')}, and status, help, quit`

/** One line of a script: `kill alpha`, `status`, `quit`; undefined for an empty one. */
export function parseCommand(line: string, carriers: readonly string[]): DemoCommand | undefined {
  const [word = '', carrier, ...more] = line.trim().toLowerCase().split(/\s+/)
  if (word === '') return undefined
  if ((word === 'status' || word === 'help' || word === 'quit') && carrier === undefined) return { kind: word }
  if (!isDeed(word)) return { kind: 'unknown', text: `no command "${word}"; ${commandHelp(carriers)}` }
  if (carrier === undefined || more.length > 0 || !carriers.includes(carrier)) {
    return { kind: 'unknown', text: `${word} what? The carriers are ${carriers.join(' and ')}` }
  }
  return { kind: 'deed', deed: word, carrier }
}

/** One key on a terminal: the first letter of a carrier selects it, the others do something to the one selected. */
export function commandOfKey(key: string, selected: string, carriers: readonly string[]): DemoCommand | undefined {
  if (QUIT_KEYS.includes(key)) return { kind: 'quit' }
  const letter = key.toLowerCase()
  const named = carriers.find((carrier) => carrier.startsWith(letter))
  if (letter !== '' && named !== undefined) return { kind: 'select', carrier: named }
  const deed = Object.hasOwn(DEED_OF_KEY, letter) ? DEED_OF_KEY[letter] : undefined
  return deed === undefined ? undefined : { kind: 'deed', deed, carrier: selected }
}
