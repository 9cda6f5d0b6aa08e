import {
  ROUTER_BUDGET_MS,
  type Router,
  type RouterCall,
  type RouterDecision,
  type RouterTools,
} from '../../lib/route/router.ts'
import { answerJson, readRouterJson } from '../../lib/route/router-decision.ts'

/** The module `tandem/testing`: routers under test, without a network and without a node (docs/programming.md). */

/** What the call would get. `decision` null: its tenant's default. `failed`: that too, and `router.failed` would say why. */
export type Simulated =
  | { readonly kind: 'decided'; readonly decision: RouterDecision | null }
  | { readonly kind: 'failed'; readonly code: 'late' | 'threw' | 'ill-formed'; readonly message: string }

/** A call that a test need not describe. */
export const SIMULATED_CALL: RouterCall = {
  id: '01J00000000000000000000000',
  from: '+12025550111',
  to: '+12025550100',
  raw: { from: '<sip:+12025550111@192.0.2.1>', to: 'sip:+12025550100@192.0.2.2' },
  trunk: 'alpha',
  tenant: 'clinic',
  agent: 'intake',
  attestation: null,
  headers: {},
  receivedAt: '2026-03-02T12:00:00.000Z',
  source: { address: '192.0.2.1', port: 5060, protocol: 'udp' },
  node: 'east-1',
  region: 'us-east',
}

const NO_TOOLS: RouterTools = {
  trunks: [],
  nodes: [],
  fetch: () =>
    Promise.reject(new TypeError('a simulated router reaches no network: give simulate a fetch of your own')),
}

/**
 * Asks a router of one call as a node would: its answer is read as strictly, and it has as long. Never rejects. What a node can and this
 * cannot: end a router that loops.
 *
 * @param call what differs from `SIMULATED_CALL`
 * @param tools trunks and nodes, none by default; `fetch`, which fails by default
 */
export async function simulate(
  router: Router,
  call: Partial<RouterCall> = {},
  tools: Partial<RouterTools> = {},
): Promise<Simulated> {
  // A node's router gets, and gives, what survives the way to its process.
  const asked = structuredClone({ ...SIMULATED_CALL, ...call })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Simulated>((resolve) => {
    const failed = { kind: 'failed', code: 'late', message: `no answer within ${ROUTER_BUDGET_MS} ms` } as const
    timer = setTimeout(() => resolve(failed), ROUTER_BUDGET_MS)
  })
  try {
    return await Promise.race([judge(router, asked, { ...NO_TOOLS, ...tools }), late])
  } finally {
    clearTimeout(timer)
  }
}

async function judge(router: Router, call: RouterCall, tools: RouterTools): Promise<Simulated> {
  try {
    return judged(answerJson(await router(call, tools)))
  } catch (error) {
    return { kind: 'failed', code: 'threw', message: error instanceof Error ? error.message : String(error) }
  }
}

/** What comes of an answer as it leaves the process of a router. */
export function judged(json: string): Simulated {
  const read = readRouterJson(json)
  if (read.ok) return { kind: 'decided', decision: read.value }
  return { kind: 'failed', code: 'ill-formed', message: read.error }
}
