import type { RouterCall, RouterNode, RouterTrunk } from '../../lib/route/router.ts'

/** What passes between a node and the thread of its router. */

/** One call that is to be decided. */
export interface RouterQuestion {
  readonly call: RouterCall
  readonly trunks: readonly RouterTrunk[]
  readonly nodes: readonly RouterNode[]
}

export interface RouterThreadData {
  readonly url: string
  readonly source: string
}

export type ToRouter =
  | { readonly kind: 'ask'; readonly ask: number; readonly question: RouterQuestion; readonly budgetMs: number }
  /** Answered at once, unless the thread is in a loop. */
  | { readonly kind: 'ping' }

export type FromRouter =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unusable'; readonly message: string }
  | { readonly kind: 'pong' }
  /** What the router returned, as JSON. */
  | { readonly kind: 'answer'; readonly ask: number; readonly json: string }
  | { readonly kind: 'threw'; readonly ask: number; readonly message: string }
