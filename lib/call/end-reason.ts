import type { EndCause } from '../observe/call-record.ts'

/** Q.850 causes by which a call that we end tells its carrier why (RFC 3326 §2). Never one that blames callee or number for a fault of ours. */
const Q850: Readonly<Record<EndCause, readonly [cause: number, text: string]>> = {
  normal: [16, 'Normal call clearing'],
  transferred: [16, 'Call transferred'],
  cancelled: [16, 'Caller gave up'],
  redirected: [23, 'Redirected'],
  busy: [17, 'User busy'],
  'no-answer': [19, 'No answer'],
  rejected: [88, 'No common media'],
  'trunk-fault': [38, 'Trunk fault'],
  'agent-fault': [41, 'Temporary failure'],
  'media-timeout': [102, 'No media'],
  limit: [31, 'Call limit reached'],
  'node-lost': [41, 'Temporary failure'],
}

/** The value of the Reason header for a BYE or CANCEL of ours. */
export function endReason(cause: EndCause): string {
  const [code, text] = Q850[cause]
  return `Q.850;cause=${code};text="${text}"`
}
