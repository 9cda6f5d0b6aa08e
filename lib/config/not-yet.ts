/**
 * What a config may ask for and this version does not do. The reference of the keys, `./tandem check` and the start of a node
 * all read this one table: who implements a key takes its row away.
 */
export interface NotYet {
  /** As the reference writes it, `trunks[].probe`; what stands below is meant too. */
  readonly key: string
  /** What is missing, as a sentence. */
  readonly note: string
  /**
   * What a file that asks for it gets. `refuse`: an error, as going on would be wrong. `warn`: a warning of its own.
   * `list`: a place in one line with all others.
   */
  readonly answer: 'refuse' | 'warn' | 'list'
  /** Whether what a file has there asks for it. */
  readonly asks: (written: unknown) => boolean
}

const written = (): boolean => true
const is =
  (value: unknown) =>
  (found: unknown): boolean =>
    found === value

type Row = readonly [key: string, note: string, asks?: NotYet['asks']]

const REFUSED: readonly Row[] = [
  [
    'media.codecs',
    'G722 and opus are spoken by FreeSWITCH alone, with who offers neither PCMU nor PCMA; one of those two must be named.',
    lacksG711,
  ],
]

const WARNED: readonly Row[] = [
  ['media.inbandDtmf', 'DTMF in the audio itself is not heard in this version.', is(true)],
  ['identity.roots', 'Identity headers are not verified in this version.'],
]

const LISTED: readonly Row[] = [['identity.maxAge', 'Identity headers are not verified in this version.']]

const rows = (answer: NotYet['answer'], all: readonly Row[]): readonly NotYet[] =>
  all.map(([key, note, asks = written]) => ({ key, note, answer, asks }))

export const NOT_YET: readonly NotYet[] = [...rows('refuse', REFUSED), ...rows('warn', WARNED), ...rows('list', LISTED)]

/** What is missing of a key as the reference writes it; null where it does all that it says. */
export function notYetOf(key: string): NotYet | null {
  return NOT_YET.find((row) => key === row.key || `${key}[]` === row.key || isBelow(key, row.key)) ?? null
}

const isBelow = (key: string, above: string): boolean => key.startsWith(`${above}.`) || key.startsWith(`${above}[`)

function lacksG711(found: unknown): boolean {
  return Array.isArray(found) && !found.includes('PCMU') && !found.includes('PCMA')
}
