import type { Config } from '../../lib/config/resolve.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { Router } from './router.ts'

export interface StartRouterOptions {
  readonly config: Pick<Config, 'router'>
  readonly emit: EmitEvent
  readonly log: Log
}

/** The router of a node, in force where it could be loaded. What it writes to its standard output stands in the node's log. */
export async function startRouter({ config, emit, log }: StartRouterOptions, parts: Parts): Promise<Router> {
  const onLine = (line: string): void => log.log.info({ line }, 'the router said')
  const router = await Router.start(config.router, { emit, onLine })
  parts.add('router', () => router.close())
  return router
}
