import { styleText } from 'node:util'
import { printable } from '../../lib/observe/printable.ts'

type Style = Parameters<typeof styleText>[0]

const LEVEL_STYLES: Readonly<Record<string, Style>> = {
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
}

/**
 * A JSON log line as a person reads it on a terminal: `12:03:04.123 info  call.answered call=01J… trunk=alpha`, an error's
 * stack on the lines below. What is no JSON object is given back as it is.
 */
export function formatLogLine(line: string, colour: boolean): string {
  const fields = parseObject(line)
  if (fields === undefined) return line
  const { time, level, msg, err, ...rest } = fields
  const paint = (style: Style, text: string) => (colour ? styleText(style, text, { validateStream: false }) : text)
  const levelName = String(level)
  const details = Object.entries(rest).map(([name, value]) => `${paint('gray', `${name}=`)}${fieldText(value)}`)
  const head = [
    paint('gray', String(time).slice(11, 23)),
    paint(LEVEL_STYLES[levelName] ?? 'reset', levelName.padEnd(5)),
    ...(typeof msg === 'string' ? [printable(msg)] : []),
    ...details,
  ]
  return `${head.join(' ')}\n${errorText(err)}`
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}

function fieldText(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const text = 'stack' in error ? error.stack : 'message' in error ? error.message : undefined
  if (typeof text !== 'string') return ''
  const lines = text.split('\n').map((line) => `    ${printable(line).trimStart()}\n`)
  return lines.join('')
}
