import type { TandemProcess } from './tandem-process.ts'
import { until } from './until.ts'

interface ApiStream {
  readonly packets: number
  readonly lost: number
  readonly jitterMs: number
  readonly mos: number | null
}

/** A call as the HTTP API shows it, as far as tests look at it. */
export interface ApiCall {
  readonly id: string
  readonly state: string
  readonly node: string
  readonly from: string
  readonly to: string
  readonly trunk: string | null
  readonly direction: 'inbound' | 'outbound'
  readonly session: { readonly id: string; readonly resumedFrom: string | null }
  readonly attempts: readonly {
    readonly trunk: string
    readonly target: string
    readonly startedAt: string
    readonly sip: number | null
    readonly reason: string | null
    readonly pddMs: number | null
  }[]
  readonly startedAt: string
  readonly answeredAt: string | null
  readonly endedAt: string | null
  readonly end: { readonly by: string; readonly sip: number | null; readonly cause: string } | null
  readonly agent: {
    readonly backend: string
    readonly firstAudioMs: number | null
    readonly turns: number
    readonly bargeIns: number
    readonly reconnects: number
  } | null
  readonly media: {
    readonly codec: string
    readonly srtp: boolean
    readonly in: ApiStream
    readonly out: ApiStream
  } | null
  readonly transcript: readonly { readonly at: string; readonly who: string; readonly text: string }[]
}

/** Every call of the node, newest first, page by page. */
export async function allCalls(node: TandemProcess): Promise<readonly ApiCall[]> {
  const all: ApiCall[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = await node.api<{ calls: ApiCall[]; next: string | null }>(`/api/v1/calls?limit=100${after}`)
    all.push(...page.calls)
    cursor = page.next
  }
  return all
}

/** The ended calls, newest first, as soon as there are at least `count`: records are written behind the call's back. */
export async function endedCalls(node: TandemProcess, count = 0): Promise<readonly ApiCall[]> {
  let calls: readonly ApiCall[] = []
  await until(async () => {
    calls = await allCalls(node)
    return calls.length >= count && calls.every((call) => call.state === 'ended')
  }, `${count} ended calls`)
  return calls
}
