import { type LocalAgent, startLocalAgent } from '../../app/agent/local/local-agent.ts'

/** A local agent that several nodes share, and that answers sooner than a person would. */
export interface QuickAgent extends LocalAgent {
  /** As one of `agents` of a node's config has it. */
  readonly config: object
}

export async function startQuickAgent(): Promise<QuickAgent> {
  const agent = await startLocalAgent({ apiKey: 'key', firstDeltaMs: 20, speedUp: 20 })
  const config = { backend: 'custom', url: `${agent.baseUrl}/realtime`, apiKey: 'key', greeting: 'Hello.' }
  return { ...agent, config }
}
