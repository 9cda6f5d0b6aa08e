import type { Ladder, LadderArrow, LadderNote, LadderParty, LadderRow } from './ladder.ts'
import { printable, shorten } from './printable.ts'

export interface LadderTextOptions {
  /** Plain ASCII instead of box drawing characters. */
  readonly ascii?: boolean
  /** Columns of the terminal; the lanes are made to fit as long as their labels stay readable. */
  readonly width?: number
  /** Colours a label; the default leaves it as it is. */
  readonly paint?: (tone: LadderArrow['tone'] | 'note', text: string) => string
}

interface Glyphs {
  readonly line: string
  readonly dash: string
  readonly dotted: string
  readonly right: string
  readonly left: string
  readonly bullet: string
}

const UNICODE: Glyphs = { line: '│', dash: '─', dotted: '╌', right: '►', left: '◄', bullet: '•' }
const ASCII: Glyphs = { line: '|', dash: '-', dotted: '.', right: '>', left: '<', bullet: '*' }

const DEFAULT_WIDTH = 120
/** `nnnnn.mmm` and two spaces. */
const TIME_WIDTH = 11
/** From the time to the first lifeline: half a header. */
const MARGIN = 11
const MIN_LANE = 26
const MAX_LANE = 40
/** What notes and transcripts may take of a line, however wide the ladder is. */
const MIN_NOTE_WIDTH = 48

/** The ladder as text, one line a row, without trailing blanks; times are seconds since the first row. */
export function formatLadder(ladder: Ladder, options: LadderTextOptions = {}): string {
  if (ladder.rows.length === 0) return 'No message, event or turn of this call is on record.\n'
  const page = new Page(ladder.parties.length, options)
  const lines = [
    page.header(ladder.parties.map((party) => party.name)),
    page.header(ladder.parties.map(headerAddress)),
    ...ladder.rows.map((row) => page.row(row)),
    ...(ladder.omitted > 0 ? [`${' '.repeat(TIME_WIDTH)}${ladder.omitted} more rows are not shown`] : []),
  ]
  const text = lines.map((line) => line.trimEnd()).join('\n')
  return `${options.ascii === true ? toAscii(text) : text}\n`
}

class Page {
  private readonly glyphs: Glyphs
  private readonly lane: number
  private readonly lifelines: readonly number[]
  private readonly lineWidth: number
  private readonly paint: NonNullable<LadderTextOptions['paint']>

  constructor(parties: number, options: LadderTextOptions) {
    const width = options.width ?? DEFAULT_WIDTH
    this.glyphs = options.ascii === true ? ASCII : UNICODE
    this.paint = options.paint ?? ((_tone, text) => text)
    const fitting = Math.floor((width - MARGIN * 2 - TIME_WIDTH) / Math.max(parties - 1, 1))
    this.lane = Math.min(Math.max(fitting, MIN_LANE), MAX_LANE)
    this.lifelines = Array.from({ length: parties }, (_, index) => MARGIN + index * this.lane)
    this.lineWidth = Math.max(width - TIME_WIDTH, (this.lifelines.at(-1) ?? 0) + MIN_NOTE_WIDTH)
  }

  header(labels: readonly string[]): string {
    let line = ''
    for (const [index, label] of labels.entries()) {
      const shown = shorten(printable(label), this.lane - 2)
      line = line.padEnd((this.lifelines[index] ?? 0) - Math.floor(shown.length / 2)) + shown
    }
    return ' '.repeat(TIME_WIDTH) + line
  }

  row(row: LadderRow): string {
    const time = `${(row.afterMs / 1000).toFixed(3).padStart(TIME_WIDTH - 2)}  `
    return time + (row.kind === 'note' ? this.note(row) : this.arrow(row))
  }

  /** Lifelines up to the party, then the text over the rest of the line. */
  private note(row: LadderNote): string {
    const before = this.rest('', (this.lifelines[row.party] ?? 0) + 1)
    const text = `${this.glyphs.bullet} ${printable(row.label)}`
    return `${before} ${this.paint('note', shorten(text, this.lineWidth - before.length - 1))}`
  }

  private arrow(row: LadderArrow): string {
    const [from = 0, to = 0] = [this.lifelines[row.from], this.lifelines[row.to]]
    const [start, end] = from <= to ? [from, to] : [to, from]
    const inside = Math.max(end - start - 1, 0)
    const label = printable(row.label)
    const shown = shorten(label, inside - 6)
    const dash = row.kind === 'audio' ? this.glyphs.dotted : this.glyphs.dash
    const body = center(shown === '' ? '' : ` ${shown} `, inside - 1, dash)
    const shaft = from <= to ? body + this.glyphs.right : this.glyphs.left + body
    const drawn = this.rest('', start) + this.glyphs.line + this.paint(row.tone, shaft)
    const after = this.rest(' '.repeat(end), this.lineEnd() + 1).slice(end)
    return this.withNotes(drawn + after, row, row.kind === 'audio' || shown === label ? undefined : label)
  }

  private withNotes(line: string, row: LadderArrow, full: string | undefined): string {
    const again = row.retransmission > 0 ? [`retransmission ${row.retransmission}`] : []
    const notes = [...again, ...(full === undefined ? [] : [full]), ...row.notes].map(printable).join(', ')
    if (notes === '') return line
    return `${line}  ${this.paint('note', shorten(notes, Math.max(this.lineWidth - this.lineEnd() - 3, MIN_NOTE_WIDTH)))}`
  }

  /** `line` continued up to `width` with blanks and the lifelines that are on the way. */
  private rest(line: string, width: number): string {
    let drawn = line
    while (drawn.length < width) drawn += this.lifelines.includes(drawn.length) ? this.glyphs.line : ' '
    return drawn
  }

  private lineEnd(): number {
    return this.lifelines.at(-1) ?? 0
  }
}

function headerAddress(party: LadderParty): string {
  return party.address ?? ''
}

function center(text: string, width: number, fill: string): string {
  const missing = Math.max(width - Array.from(text).length, 0)
  return fill.repeat(Math.floor(missing / 2)) + text + fill.repeat(Math.ceil(missing / 2))
}

/** Quotation marks and ellipses of ours become ASCII; what else a peer wrote becomes a question mark. */
function toAscii(text: string): string {
  return text
    .replace(/[“”]/g, '"')
    .replace(/…/g, '.')
    .replace(/\P{ASCII}/gu, '?')
}
