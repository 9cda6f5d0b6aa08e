import type { Command } from 'commander'
import * as z from 'zod'
import type { Ladder, LadderArrow } from '../../lib/observe/ladder.ts'
import { formatLadder } from '../../lib/observe/ladder-text.ts'
import { printable } from '../../lib/observe/printable.ts'
import { callAnswer } from '../api/answers.ts'
import { formatTime, talked } from './calls.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { formatTable, paint, print, printJson, terminalWidth } from './output.ts'

type CallAnswer = z.output<typeof callAnswer>

const TONES = {
  request: 'cyan',
  provisional: 'gray',
  success: 'green',
  failure: 'red',
  audio: 'magenta',
  note: 'gray',
} as const

const rowTime = { at: z.string(), afterMs: z.number() }
const arrow = z.object({
  ...rowTime,
  kind: z.enum(['sip', 'audio']),
  from: z.int(),
  to: z.int(),
  label: z.string(),
  notes: z.array(z.string()),
  tone: z.enum(['request', 'provisional', 'success', 'failure', 'audio']),
  retransmission: z.int(),
})
const note = z.object({ ...rowTime, kind: z.literal('note'), party: z.int(), label: z.string() })
const ladderAnswer: z.ZodType<Ladder> = z.object({
  parties: z.array(
    z.object({ kind: z.enum(['peer', 'tandem', 'agent']), name: z.string(), address: z.string().nullable() }),
  ),
  rows: z.array(z.union([arrow, note])),
  omitted: z.int(),
})

/** `tandem call-log`: one call whole. */
export function register(program: Command): void {
  program
    .command('call-log')
    .description('show one call whole: ladder, attempts, transcript, MOS, timings')
    .argument('<id>', 'id of the call, as `tandem calls` shows it')
    .option('--json', 'as JSON')
    .option('--ascii', 'draw the ladder in plain ASCII')
    .action((id: string, options: { readonly json?: true; readonly ascii?: true }) => showCall(id, options))
}

async function showCall(id: string, options: { readonly json?: true; readonly ascii?: true }): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const path = `/api/v1/calls/${encodeURIComponent(id)}`
  const call = await client.json(path)
  const [ladder, events] = await Promise.all([
    client.json(`${path}/ladder`, { query: { format: 'json' } }),
    client.json(`${path}/events`),
  ])
  if (options.json === true) {
    return printJson({ ...expectAnswer(z.looseObject({ id: z.string() }), call), events, ladder })
  }
  const drawn = formatLadder(expectAnswer(ladderAnswer, ladder), {
    ascii: options.ascii === true,
    width: terminalWidth(),
    paint: (tone: LadderArrow['tone'] | 'note', text) => paint(TONES[tone], text),
  })
  await print(formatCall(expectAnswer(callAnswer, call), drawn))
}

function formatCall(call: CallAnswer, ladder: string): string {
  const sections: readonly (readonly [title: string, text: string])[] = [
    ['Ladder', ladder],
    ['Attempts', formatAttempts(call)],
    ['Transcript', formatTranscript(call)],
  ]
  const shown = sections.filter(([, text]) => text !== '').map(([title, text]) => `${paint('bold', title)}\n${text}`)
  return `${formatHeader(call)}\n${shown.join('\n')}`
}

function formatHeader(call: CallAnswer): string {
  const end =
    call.end === null
      ? ''
      : `, ${call.end.cause} by ${call.end.by}${call.end.sip === null ? '' : ` (SIP ${call.end.sip})`}`
  const facts: readonly (readonly [name: string, value: string | null])[] = [
    ['call', call.id],
    ['', `${call.from} → ${call.to}, ${call.direction}`],
    ['state', `${call.state}${end}`],
    ['started', formatTime(call.startedAt)],
    ['answered', call.answeredAt === null ? null : `after ${between(call.startedAt, call.answeredAt)}`],
    ['talked', call.answeredAt === null ? null : talked(call)],
    ['tenant', call.tenant],
    ['trunk', call.trunk],
    ['node', call.node],
    [
      'session',
      call.session.resumedFrom === null
        ? call.session.id
        : `${call.session.id}, resumed from ${call.session.resumedFrom}`,
    ],
    ['SIP', call.sip.callId],
    ['attested', call.attestation],
    ['agent', formatAgent(call.agent)],
    ['media', call.media === null ? null : `${call.media.codec}${call.media.srtp ? ' over SRTP' : ''}`],
    ['heard', formatStream(call.media?.in)],
    ['sent', formatStream(call.media?.out)],
    ['recording', call.recording],
  ]
  const lines = facts.filter(([, value]) => value !== null)
  return lines.map(([name, value]) => `${paint('gray', name.padEnd(10))}${printable(value ?? '')}\n`).join('')
}

function formatAgent(agent: CallAnswer['agent']): string | null {
  if (agent === null) return null
  const first = agent.firstAudioMs === null ? 'no audio' : `first audio after ${Math.round(agent.firstAudioMs)} ms`
  const counts = [
    `${agent.turns} turns`,
    `${agent.bargeIns} barge-ins`,
    `${agent.reconnects} reconnects`,
    `${agent.tokens} tokens`,
  ]
  return [agent.backend, first, ...counts].join(', ')
}

function formatStream(stream: NonNullable<CallAnswer['media']>['in'] | undefined): string | null {
  if (stream === undefined) return null
  const mos = stream.mos === null ? 'no MOS' : `MOS ${stream.mos.toFixed(2)}`
  return `${stream.packets} packets, ${stream.lost} lost, jitter ${stream.jitterMs.toFixed(1)} ms, ${mos}`
}

function formatAttempts(call: CallAnswer): string {
  if (call.attempts.length === 0) return ''
  const rows = call.attempts.map((attempt) => [
    attempt.trunk ?? '-',
    attempt.target,
    between(call.startedAt, attempt.startedAt),
    attempt.sip === null ? 'none' : String(attempt.sip),
    attempt.reason ?? '',
    attempt.pddMs === null ? '-' : `${Math.round(attempt.pddMs)} ms`,
  ])
  return formatTable(['TRUNK', 'TARGET', 'AFTER', 'SIP', 'REASON', 'PDD'], rows)
}

function formatTranscript(call: CallAnswer): string {
  return call.transcript
    .map(
      ({ at, who, text }) =>
        `${between(call.startedAt, at).padStart(10)}  ${paint('bold', who.padEnd(6))}  ${printable(text)}\n`,
    )
    .join('')
}

/** From one moment to another, in seconds. */
export function between(from: string, to: string): string {
  return `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(3)} s`
}
