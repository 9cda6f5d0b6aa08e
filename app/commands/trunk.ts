import type { Command } from 'commander'
import { trunkAnswer } from '../api/answers.ts'
import { expectAnswer } from './client.ts'
import { registerOverride } from './override.ts'
import { formatTrunks } from './trunks.ts'

/** `tandem trunk`: an operator's word on a trunk, for the whole fleet. */
export function register(program: Command): void {
  registerOverride(program, {
    command: 'trunk',
    description: "set a trunk's state for the whole fleet, or give it back to the evidence (auto)",
    argument: ['id', 'the trunk'],
    path: (id) => `/api/v1/trunks/${encodeURIComponent(id)}/override`,
    format: (answer) => formatTrunks([expectAnswer(trunkAnswer, answer)]),
  })
}
