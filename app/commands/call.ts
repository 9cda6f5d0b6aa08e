import { type Command, InvalidArgumentError, Option } from 'commander'
import { isKeys, MAX_QUEUED_KEYS } from '../../lib/media/dtmf.ts'
import { type PhoneReport, placeCall } from '../phone/softphone.ts'

const DEFAULT_URI = 'sip:+15550100@127.0.0.1:5060'
const DEFAULT_SECONDS = 30
const MAX_SECONDS = 3_600

interface CallOptions {
  readonly play?: string
  readonly say?: string
  readonly digits?: string
  readonly record?: string
  readonly seconds: number
  readonly from: string
  readonly srtp?: 'off' | 'optional' | 'required'
  readonly json?: boolean
}

/** `tandem call`: a softphone for tests. */
export function register(program: Command): void {
  program
    .command('call')
    .description('place a call, play audio, record what comes back')
    .argument('[uri]', 'whom to call', DEFAULT_URI)
    .option('--play <file>', 'WAV file to play once the call is answered')
    .addOption(
      new Option('--say <text>', 'say this, in a synthetic voice, once the call is answered').conflicts('play'),
    )
    .option('--digits <keys>', 'press these keys once the call is answered: 0-9 * # A-D', keysOf)
    .option('--record <file>', 'WAV file to record the far end into')
    .option('--seconds <n>', 'hang up this long after the answer', secondsOf, DEFAULT_SECONDS)
    .option('--from <number>', 'who calls', '+12025550199')
    .addOption(
      new Option('--srtp <how>', 'encrypt the audio (RFC 4568)')
        .choices(['off', 'optional', 'required'])
        .default('optional'),
    )
    .option('--json', 'print the result as JSON')
    .action((uri: string, options: CallOptions) => call(uri, options))
}

async function call(uri: string, options: CallOptions): Promise<void> {
  const enough = new AbortController()
  const onInterrupt = (): void => enough.abort()
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onInterrupt)
  try {
    const report = await placeCall({
      uri: /^[a-z]+:/i.test(uri) ? uri : `sip:${uri}`,
      from: options.from,
      seconds: options.seconds,
      signal: enough.signal,
      onProgress: options.json ? () => undefined : (step) => console.error(`· ${step}`),
      ...(options.play !== undefined && { playFile: options.play }),
      ...(options.say !== undefined && { say: options.say }),
      ...(options.digits !== undefined && { digits: options.digits }),
      ...(options.srtp !== undefined && { srtp: options.srtp }),
      ...(options.record !== undefined && { recordFile: options.record }),
    })
    console.log(options.json ? JSON.stringify(report) : format(report))
    if (!report.answered) process.exitCode = 1
  } catch (error) {
    console.error(`tandem: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  } finally {
    process.off('SIGINT', onInterrupt)
    process.off('SIGTERM', onInterrupt)
  }
}

function keysOf(text: string): string {
  if (isKeys(text)) return text
  throw new InvalidArgumentError(`expected up to ${MAX_QUEUED_KEYS} of 0-9 * # A-D.`)
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= MAX_SECONDS) return seconds
  throw new InvalidArgumentError(`expected a number of seconds up to ${MAX_SECONDS}.`)
}

function format(report: PhoneReport): string {
  const { timings, media } = report
  const ms = (value: number | null): string => (value === null ? '–' : `${value} ms`)
  const lines = [
    report.answered
      ? `answered; ended by ${report.endedBy === 'phone' ? 'this phone' : 'the far end'}`
      : refusal(report),
    `  INVITE to 100          ${ms(timings.tryingMs)}`,
    `  INVITE to 180          ${ms(timings.ringingMs)}`,
    `  INVITE to 200          ${ms(timings.answeredMs)}`,
  ]
  if (media !== null) {
    lines.push(
      `  ACK to first packet    ${ms(timings.firstPacketMs)}`,
      `  ACK to first audio     ${ms(timings.firstAudioMs)}`,
      `  heard                  ${media.in.packets} packets, ${media.in.lost} lost, jitter ${media.in.jitterMs} ms, ${media.codec}${media.srtp ? ' encrypted' : ''}`,
      `  MOS                    ${media.in.mos ?? '–'}`,
    )
  }
  if (report.recordFile !== null && report.answered) lines.push(`  recorded               ${report.recordFile}`)
  return lines.join('\n')
}

const refusal = ({ status, reason }: PhoneReport): string =>
  status === null ? `no answer: ${reason}` : `refused: ${status} ${reason}`
