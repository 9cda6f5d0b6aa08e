import type { EndCause } from '../observe/call-record.ts'
import type { HuntFailure } from '../trunk/hunt-failure.ts'
import type { CallEnd } from './agent-call.ts'

const ENDED_BY = {
  nobody: 'system',
  trunk: 'system',
  account: 'system',
  us: 'system',
  callee: 'callee',
  caller: 'caller',
} as const

/** How a hunt that came to nothing stands in the record: the final status is the far end's, never one of ours. */
export function endOfHunt({ end, verdict }: HuntFailure): CallEnd {
  const sip = end?.kind === 'response' ? end.status : null
  return { by: verdict === null ? 'system' : ENDED_BY[verdict.blame], sip, cause: causeOf({ end, verdict }) }
}

function causeOf({ end, verdict }: Pick<HuntFailure, 'end' | 'verdict'>): EndCause {
  if (end === null || verdict === null) return 'trunk-fault'
  if (verdict.blame === 'trunk' || verdict.blame === 'account') return 'trunk-fault'
  switch (end.kind) {
    case 'ringTimeout':
      return 'no-answer'
    case 'cancelled':
      return 'cancelled'
    case 'local':
      return 'agent-fault'
    case 'full':
      return 'limit'
    case 'response':
      return causeOfStatus(end.status)
    default:
      return 'trunk-fault'
  }
}

/** What a final status that is no trunk's fault says of a call. */
export const causeOfStatus = (status: number): EndCause => CAUSES[status] ?? 'rejected'

/** RFC 3261 §21: what callees say of themselves. */
const CAUSES: Readonly<Record<number, EndCause>> = {
  408: 'no-answer',
  480: 'no-answer',
  486: 'busy',
  487: 'cancelled',
  600: 'busy',
}
