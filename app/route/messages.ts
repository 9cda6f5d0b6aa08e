import * as z from 'zod'
import type { RouterCall, RouterNode, RouterTrunk } from '../../lib/route/router.ts'
import { MAX_ANSWER } from '../../lib/route/router-decision.ts'

/** What passes between a node, the process of its router, and the thread in it that the router runs in. */

/** One call that is to be decided. */
export interface RouterQuestion {
  readonly call: RouterCall
  readonly trunks: readonly RouterTrunk[]
  readonly nodes: readonly RouterNode[]
}

/** A router as the node has read it from its file. */
export interface RouterSource {
  readonly url: string
  readonly source: string
}

/** From the node to the process. */
export type ToRouter =
  | { readonly kind: 'load'; readonly data: RouterSource }
  | { readonly kind: 'ask'; readonly ask: number; readonly question: RouterQuestion; readonly budgetMs: number }
  /** Answered at once, unless the thread is in a loop. */
  | { readonly kind: 'ping' }

/** From the process to the thread. */
export type ToThread =
  /** `untilMs`: by `process.hrtime`, which all threads of a process share. */
  | { readonly kind: 'ask'; readonly ask: number; readonly question: RouterQuestion; readonly untilMs: number }
  | { readonly kind: 'ping' }

/** Longest message of a failure, in characters. */
export const MAX_MESSAGE = 1_000

const ask = z.int()
const message = z.string().max(MAX_MESSAGE)

/** To the node. It is read and not believed: a router may write to these channels itself. */
export const fromRouter = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('unusable'), message }),
  z.object({ kind: z.literal('pong') }),
  /** What the router returned, as JSON. */
  z.object({ kind: z.literal('answer'), ask, json: z.string().max(MAX_ANSWER) }),
  z.object({ kind: z.literal('threw'), ask, message }),
  /** A promise that nobody awaited was rejected. */
  z.object({ kind: z.literal('stray'), message }),
  /** The thread has ended, and the process ends now. */
  z.object({ kind: z.literal('ended'), message }),
])

export type FromRouter = z.output<typeof fromRouter>

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
