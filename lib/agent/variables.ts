import type { SessionState } from './session-state.ts'
import type { AgentSpec } from './spec.ts'

/** Facts about a call that are told to the agent and kept with its session. */
export const MAX_VARIABLES = 64

/** What the network says of a call, which nobody in it may say otherwise. */
const PROTECTED: ReadonlySet<string> = new Set(['caller', 'called'])

type Variables = Readonly<Record<string, string>>

/** The facts about a call as they stand: those that it began with, and what its agent has kept since. */
export const variablesOf = (state: Pick<SessionState, 'variables'>, spec: Pick<AgentSpec, 'variables'>): Variables => ({
  ...spec.variables,
  ...state.variables,
})

/** Why an agent may not keep a fact by this name, in words for it; null: it may. */
export function refuseVariable(known: Variables, name: string): string | null {
  if (PROTECTED.has(name.toLowerCase())) return `${name} is what the network says, and cannot be set`
  const isNew = !Object.hasOwn(known, name)
  return isNew && Object.keys(known).length >= MAX_VARIABLES ? `there are ${MAX_VARIABLES} variables already` : null
}
