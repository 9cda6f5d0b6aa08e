import type { Command } from 'commander'
import * as z from 'zod'
import { printable } from '../../lib/observe/printable.ts'
import { sessionAnswer } from '../api/answers.ts'
import { between } from './call-log.ts'
import { formatTime } from './calls.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { formatTable, paint, print, printJson } from './output.ts'

type SessionAnswer = z.output<typeof sessionAnswer>

/** `tandem session`: one conversation over all of its calls. */
export function register(program: Command): void {
  program
    .command('session')
    .description('show one conversation: its calls on whatever trunk and node, and one transcript')
    .argument('<id>', 'id of the session, as `tandem call-log` shows it')
    .option('--json', 'as JSON')
    .action((id: string, options: { readonly json?: true }) => showSession(id, options))
}

async function showSession(id: string, options: { readonly json?: true }): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const answer = await client.json(`/api/v1/sessions/${encodeURIComponent(id)}`)
  if (options.json === true) return printJson(expectAnswer(z.looseObject({ id: z.string() }), answer))
  await print(formatSession(expectAnswer(sessionAnswer, answer)))
}

function formatSession(session: SessionAnswer): string {
  const { id, tenant, caller, agent, state, beganAt, resumableUntil, cause } = session
  const until = resumableUntil === null ? '' : `, can be resumed until ${formatTime(resumableUntil)}`
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['session', id],
    ['state', `${state}${cause === null ? '' : `, ${cause}`}${until}`],
    ['began', formatTime(beganAt)],
    ['tenant', tenant],
    ['caller', caller === '' ? 'not known: no further call is taken for the same person’s' : caller],
    ['agent', agent],
  ]
  const head = facts.map(([name, value]) => `${paint('gray', name.padEnd(10))}${printable(value)}\n`).join('')
  const calls = `${paint('bold', 'Calls')}\n${formatCalls(session)}`
  const transcript = session.transcript.length === 0 ? '' : `${paint('bold', 'Transcript')}\n${formatTurns(session)}`
  return `${head}\n${calls}\n${transcript}`
}

const formatCalls = ({ calls }: SessionAnswer): string =>
  formatTable(
    ['TIME', 'CALL', 'DIRECTION', 'NODE', 'TRUNK', 'END'],
    calls.map(({ id, direction, node, trunk, startedAt, end }) => [
      formatTime(startedAt),
      id,
      direction,
      node,
      trunk ?? '-',
      end === null ? '-' : `${end.cause} by ${end.by}`,
    ]),
  )

/** Turns by the time since the beginning, with a line where another call begins. */
function formatTurns({ transcript, beganAt }: SessionAnswer): string {
  const lines: string[] = []
  let call: string | null = null
  for (const turn of transcript) {
    if (call !== null && call !== turn.call) lines.push(`${''.padStart(10)}  ${paint('gray', `call ${turn.call}`)}\n`)
    call = turn.call
    const after = between(beganAt, turn.at).padStart(10)
    lines.push(`${after}  ${paint('bold', turn.who.padEnd(6))}  ${printable(turn.text)}\n`)
  }
  return lines.join('')
}
