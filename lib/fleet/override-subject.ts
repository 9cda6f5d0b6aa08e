import { type TrunkId, trunkId } from '../core/ids.ts'

/** What operators speak of beside trunks: an agent with all its backends (`intake`), or one of them (`intake/0`). */
export interface AgentSubject {
  readonly agent: string
}

export type OverrideSubject = TrunkId | AgentSubject

/** No trunk is called so: ids of trunks have no colon. */
const AGENT = 'agent:'

/** As it is stored, in the column that once had trunks only. */
export const subjectKey = (subject: OverrideSubject): string =>
  typeof subject === 'string' ? subject : `${AGENT}${subject.agent}`

export const parseSubject = (key: string): OverrideSubject =>
  key.startsWith(AGENT) ? { agent: key.slice(AGENT.length) } : trunkId(key)

/** The name of what it is about, its kind as events and the audit have it, and how an event names it. */
export function describeSubject(subject: OverrideSubject): {
  readonly id: string
  readonly kind: 'trunk' | 'agent'
  readonly fields: { readonly trunk: TrunkId } | { readonly agent: string }
} {
  if (typeof subject !== 'string') return { id: subject.agent, kind: 'agent', fields: { agent: subject.agent } }
  return { id: subject, kind: 'trunk', fields: { trunk: subject } }
}
