import { err, ok, type Result } from '../core/result.ts'
import { type CsvProblem, type CsvRecord, parseCsv } from './csv.ts'

/** What one line of a list asks for: the body of `POST /api/v1/calls`. */
export interface DialBody {
  readonly to: string
  readonly from?: string
  readonly tenant: string
  readonly agent?: string
  readonly variables?: Readonly<Record<string, string>>
}

export interface DialLine {
  /** In the file, from 1. */
  readonly line: number
  readonly body: DialBody
  /** How many lines before it ask for the very same. */
  readonly repeats: number
}

const PLAIN = ['to', 'from', 'tenant', 'agent'] as const
const VARIABLE = /^variables\.([A-Za-z_][A-Za-z0-9_]{0,62})$/
/** What may be a telephone number; the node that is asked knows its country. */
const NUMBER = /^\+?[\d ()./-]{1,40}$/
const MAX_LINES = 100_000

/**
 * The calls that a CSV file asks for, its first line naming the columns. All of its problems, where it has any: then nobody is to be called.
 *
 * @param defaults for lines that name no tenant or agent
 */
export function readDialList(
  text: string,
  defaults: Pick<Partial<DialBody>, 'tenant' | 'agent'>,
): Result<readonly DialLine[], readonly CsvProblem[]> {
  const parsed = parseCsv(text)
  if (!parsed.ok) return err([parsed.error])
  const [head, ...records] = parsed.value
  if (head === undefined) return err([{ line: 1, message: 'the file is empty: its first line names the columns' }])
  const columns = head.fields.map((field) => field.trim())
  const wrong = columnProblems(columns).map((message) => ({ line: head.line, message }))
  if (wrong.length > 0) return err(wrong)
  if (records.length > MAX_LINES) return err([{ line: 1, message: `there are more than ${MAX_LINES} lines` }])
  const problems: CsvProblem[] = []
  const lines: DialLine[] = []
  const seen = new Map<string, number>()
  for (const record of records) {
    const read = readLine(record, columns, defaults)
    if (!read.ok) {
      problems.push({ line: record.line, message: read.error })
      continue
    }
    const same = JSON.stringify(read.value)
    const repeats = seen.get(same) ?? 0
    seen.set(same, repeats + 1)
    lines.push({ line: record.line, body: read.value, repeats })
  }
  return problems.length > 0 ? err(problems) : ok(lines)
}

/**
 * What the key of a line is made from. Neither the number of the line nor what else the file has is in it, so that a list may be sorted or go on
 * growing, and nobody is called twice.
 */
export const dialKeyText = (campaign: string, { body, repeats }: DialLine): string =>
  JSON.stringify([campaign, body, repeats])

function columnProblems(columns: readonly string[]): readonly string[] {
  const problems = columns.flatMap((name, i) => {
    if (columns.indexOf(name) !== i) return [`column "${name}" stands there twice`]
    if (PLAIN.some((plain) => plain === name) || VARIABLE.test(name)) return []
    return [`column "${name}" is none of to, from, tenant, agent, variables.NAME`]
  })
  return columns.includes('to') ? problems : [...problems, 'there is no column "to"']
}

function readLine(
  { fields }: CsvRecord,
  columns: readonly string[],
  defaults: Pick<Partial<DialBody>, 'tenant' | 'agent'>,
): Result<DialBody, string> {
  if (fields.length !== columns.length)
    return err(`it has ${fields.length} fields, and there are ${columns.length} columns`)
  const cells = new Map(columns.map((name, i) => [name, fields[i]?.trim() ?? '']))
  const cell = (name: string): string | undefined => cells.get(name) || undefined
  const to = cell('to')
  const [from, tenant, agent] = [cell('from'), cell('tenant') ?? defaults.tenant, cell('agent') ?? defaults.agent]
  if (to === undefined) return err('to: there is no number')
  for (const [name, number] of [
    ['to', to],
    ['from', from],
  ] as const)
    if (number !== undefined && (!NUMBER.test(number) || !/\d/.test(number)))
      return err(`${name}: "${number}" is no telephone number such as +12025550123`)
  if (tenant === undefined) return err('tenant: there is none, in the line or by --tenant')
  const variables = Object.fromEntries(
    columns.flatMap((name) => {
      const [, variable] = VARIABLE.exec(name) ?? []
      const value = cell(name)
      return variable === undefined || value === undefined ? [] : [[variable, value]]
    }),
  )
  return ok({
    to,
    ...(from !== undefined && { from }),
    tenant,
    ...(agent !== undefined && { agent }),
    ...(Object.keys(variables).length > 0 && { variables }),
  })
}
