import type { Readable } from 'node:stream'
import { TellingBudget } from '../../lib/route/telling-budget.ts'

const MAX_LINE = 1_000
const MAX_LINES = 20
const WINDOW_MS = 1_000

/** Tells what comes on a stream line by line: 20 lines a second and 1,000 characters of each; the rest is read and dropped. */
export function tellLines(stream: Readable, tell: (line: string) => void): void {
  const budget = new TellingBudget(MAX_LINES, WINDOW_MS)
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(0, MAX_LINE)
    for (const line of lines) if (line !== '' && budget.take('line', performance.now())) tell(line.slice(0, MAX_LINE))
  })
  // A pipe that breaks ends with its process, which is told of.
  stream.on('error', () => undefined)
}
