import { BRANCH_COOKIE, type Via } from '../via.ts'

/** What RFC 2543's matching looks at where a branch has no magic cookie. */
export interface RequestIdentity {
  readonly method: string
  readonly uri: string
  readonly callId: string
  readonly fromTag: string | undefined
  readonly cseq: number
}

/**
 * The key under which a response finds its client transaction: the branch and the CSeq method (RFC 3261 §17.1.3).
 * A CANCEL has its INVITE's branch and is told from it by the method alone.
 */
export const clientTransactionKey = (branch: string, method: string): string => `${branch} ${method}`

/**
 * The key under which a request finds its server transaction (RFC 3261 §17.2.3): branch, sent-by and method, where an ACK
 * counts as its INVITE. Without the cookie it is what RFC 2543 compared: Request-URI, Call-ID, From tag, CSeq number
 * and the whole top Via; the To tag is left out, since an ACK has one that its INVITE did not.
 */
export function serverTransactionKey(via: Via, request: RequestIdentity, method: string = request.method): string {
  const branch = via.params.get('branch') ?? ''
  const kind = method === 'ACK' ? 'INVITE' : method
  const sentBy = `${via.host.toLowerCase()}:${via.port ?? ''}`
  if (branch.startsWith(BRANCH_COOKIE) && branch.length > BRANCH_COOKIE.length) return `${branch} ${sentBy} ${kind}`
  return ['2543', branch, sentBy, kind, request.uri, request.callId, request.fromTag ?? '', request.cseq].join(' ')
}

/**
 * The key of what an INVITE is apart from its way here: the same From tag, Call-ID and CSeq on another branch is a request
 * that has forked and merged again (RFC 3261 §8.2.2.2).
 */
export const mergeKey = (request: RequestIdentity): string =>
  `${request.callId} ${request.fromTag ?? ''} ${request.cseq} ${request.method}`
