import { styleText } from 'node:util'
import Table from 'cli-table3'
import { printable } from '../../lib/observe/printable.ts'
import { environment } from '../environment.ts'

type Style = Parameters<typeof styleText>[0]

/** Colours a text where standard output is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  const coloured = process.stdout.isTTY && process.stdout.hasColors()
  return coloured && (environment.NO_COLOR ?? '') === '' ? styleText(style, text, { validateStream: false }) : text
}

/** Columns of the terminal; wide where there is none, as lines of a pipe are not broken. */
export function terminalWidth(): number {
  return process.stdout.columns ?? 160
}

/** A table without frames: pipes and narrow terminals take it alike. Cells of peers are made printable. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const blank = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' }
  const none = { 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '' }
  const table = new Table({
    chars: { ...blank, ...none, right: '', 'right-mid': '', middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(head.map((name) => paint('bold', name)))
  for (const row of rows) table.push(row.map(printable))
  const lines = table.toString().split('\n')
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

/** Writes to standard output and waits until it is taken. Where its reader has gone (`| head`), the command ends well. */
export function print(text: string): Promise<void> {
  if (process.stdout.listenerCount('error', onOutputError) === 0) process.stdout.on('error', onOutputError)
  return new Promise((done) => process.stdout.write(text, () => done()))
}

export const printJson = (value: unknown): Promise<void> => print(`${JSON.stringify(value, null, 2)}\n`)

function onOutputError(error: Error): void {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
}
