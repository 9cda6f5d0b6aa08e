import { type DestinationStream, destination, type LevelWithSilent, type Logger, pino, stdTimeFunctions } from 'pino'
import { maskText, redactFields } from '../../lib/observe/redaction.ts'
import { formatLogLine } from './log-line.ts'

export interface LogOptions {
  readonly level: LevelWithSilent
  /** Lines for people instead of JSON; the default is whether standard output is a terminal. */
  readonly pretty?: boolean
  readonly colour?: boolean
  /** Where lines go; the default is standard output. */
  readonly stream?: DestinationStream
  /** Fields of every line. */
  readonly base?: Readonly<Record<string, unknown>>
}

export interface Log {
  readonly log: Logger
  /** Lines that were dropped because nobody read standard output. */
  readonly droppedLines: number
  /** Writes out what is queued. Logging afterwards goes nowhere. */
  close(): Promise<void>
}

/** What may wait for a slow reader of standard output; lines beyond it are dropped and counted. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024
const FLUSH_TIMEOUT_MS = 1_000

/**
 * The log of this process: one line an event, secrets removed and telephone numbers masked in fields, messages and
 * stack traces alike. It never blocks and never throws, whatever becomes of its reader.
 */
export function createLog(options: LogOptions): Log {
  const output = options.stream === undefined ? standardOutput() : undefined
  const stream = options.stream ?? output?.stream ?? process.stdout
  const pretty = options.pretty ?? (options.stream === undefined && process.stdout.isTTY)
  const colour = options.colour ?? (pretty && process.stdout.hasColors?.() === true)
  const log = pino(
    {
      level: options.level,
      base: options.base ?? null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactFields, bindings: redactFields },
      serializers: { err: (error: unknown) => error },
      hooks: { streamWrite: (line) => (pretty ? formatLogLine(maskText(line), colour) : maskText(line)) },
    },
    stream,
  )
  return {
    log,
    get droppedLines() {
      return output?.dropped() ?? 0
    },
    close: async () => {
      log.level = 'silent'
      await output?.close()
    },
  }
}

function standardOutput() {
  const stream = destination({ fd: 1, sync: false, maxLength: MAX_QUEUED_BYTES })
  let dropped = 0
  let broken = false
  stream.on('drop', () => {
    dropped += 1
  })
  // A reader that went away (EPIPE) must not take the node with it: there is nobody left to tell.
  stream.on('error', () => {
    broken = true
  })
  const flushed = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FLUSH_TIMEOUT_MS)
      stream.flush(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  return { stream, dropped: () => dropped, close: async () => (broken ? undefined : flushed()) }
}
