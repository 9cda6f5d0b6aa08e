import type { Command } from 'commander'
import { agentAnswer } from '../api/answers.ts'
import { formatAgents } from './agents.ts'
import { expectAnswer } from './client.ts'
import { registerOverride } from './override.ts'

/** `tandem agent`: an operator's word on the backends of an agent, or on one of them, for the whole fleet. */
export function register(program: Command): void {
  registerOverride(program, {
    command: 'agent',
    description: "set the state of an agent's backends for the whole fleet, or give them back to the evidence (auto)",
    argument: ['name', 'the agent, or one of its backends as NAME/0'],
    path: (name) => `/api/v1/agents/${name.split('/', 2).map(encodeURIComponent).join('/')}/override`,
    format: (answer) => formatAgents([expectAnswer(agentAnswer, answer)]),
  })
}
