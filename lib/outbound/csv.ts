import { err, ok, type Result } from '../core/result.ts'

/** A record of a CSV file. */
export interface CsvRecord {
  /** Where it begins in the file, from 1. */
  readonly line: number
  readonly fields: readonly string[]
}

/** Why a text is no CSV, and where. */
export interface CsvProblem {
  readonly line: number
  readonly message: string
}

const MAX_FIELD = 8_192
const MAX_FIELDS = 128

/** One field with what ends it, from `lastIndex` on: in quotes, where two are one, or bare. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|$)/y

/**
 * Reads CSV by RFC 4180 §2, strictly: what a spreadsheet would guess about is a problem with its line. LF ends a line too, a byte order mark is skipped, and
 * so are empty lines.
 */
export function parseCsv(text: string): Result<readonly CsvRecord[], CsvProblem> {
  const records: CsvRecord[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  let line = 1
  while (at < text.length) {
    const begins = line
    const fields: string[] = []
    for (let end = ','; end === ','; ) {
      FIELD.lastIndex = at
      const match = FIELD.exec(text)
      if (match === null) return err({ line, message: problemAt(text, at) })
      const field = match[1]?.replaceAll('""', '"') ?? match[2] ?? ''
      if (field.length > MAX_FIELD) return err({ line, message: `a field has more than ${MAX_FIELD} characters` })
      fields.push(field)
      if (fields.length > MAX_FIELDS) return err({ line, message: `there are more than ${MAX_FIELDS} fields` })
      at = FIELD.lastIndex
      end = match[3] ?? ''
      line += match[0].split('\n').length - 1
    }
    if (fields.length > 1 || fields[0] !== '') records.push({ line: begins, fields })
  }
  return ok(records)
}

function problemAt(text: string, at: number): string {
  if (text[at] !== '"') return 'a quote stands inside a field that does not begin with one'
  return /^"(?:[^"]|"")*"/.test(text.slice(at))
    ? 'something stands between a closing quote and the comma'
    : 'a quote is never closed'
}

/** A line of CSV, with its end. */
export const formatCsvLine = (fields: readonly string[]): string =>
  `${fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\r\n`
