import { chooseBest } from '../sip/proxy-best.ts'
import type { CallEnd } from './agent-call.ts'
import { causeOfStatus } from './hunt-end.ts'

/**
 * How a call that was sent on stands in the record, by every final status that came. From its 200 on it is not ours: `redirected`, as we never hear
 * how it ends. The SIP server does not tell us of the caller's CANCEL, but a 487 does: only whom it reached says so.
 */
export function endOfProxied(finals: readonly number[]): CallEnd {
  const answered = finals.find((status) => status < 300)
  if (answered !== undefined) return { by: 'system', sip: answered, cause: 'redirected' }
  if (finals.includes(487) && finals.every((status) => status < 600))
    return { by: 'caller', sip: 487, cause: 'cancelled' }
  const outcomes = finals.map((status, branch) => ({ branch, status, received: true }))
  const choice = chooseBest(outcomes, true, false)
  const status =
    choice.kind === 'own' ? choice.status : choice.kind === 'received' ? (finals[choice.branch] ?? 408) : 408
  // Nobody there, or what is there is out of order: 408 stands for silence (RFC 3261 §16.7).
  const isFault = finals.length === 0 || (status >= 500 && status < 600)
  return { by: isFault ? 'system' : 'callee', sip: status, cause: isFault ? 'trunk-fault' : causeOfStatus(status) }
}
