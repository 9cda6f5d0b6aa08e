import type { CallRow } from '../observe/call-record.ts'

/**
 * What a call of an errand came to. `rejected`: by the callee or for the number, which another call would not change; `failed`: trunks, agents
 * or limits; `lost`: its node died, and nobody knows what rang; `cancelled`: an operator hung up what rang.
 */
export const ATTEMPT_OUTCOMES = [
  'answered',
  'machine',
  'busy',
  'no-answer',
  'rejected',
  'failed',
  'lost',
  'cancelled',
] as const

export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number]

/**
 * What a call that has ended came to, by its record. Who answered was reached, however the call ended.
 *
 * @param byMachine whether it sounded like an answering machine
 */
export function attemptOutcome(
  { answeredAt, end }: Pick<CallRow, 'answeredAt' | 'end'>,
  byMachine: boolean,
): AttemptOutcome {
  if (answeredAt !== null) return byMachine ? 'machine' : 'answered'
  switch (end?.cause) {
    case 'busy':
      return 'busy'
    case 'no-answer':
      return 'no-answer'
    case 'rejected':
    case 'redirected':
      return 'rejected'
    case 'node-lost':
      return 'lost'
    default:
      return end?.by === 'operator' ? 'cancelled' : 'failed'
  }
}
