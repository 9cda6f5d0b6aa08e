import { readFile } from 'node:fs/promises'
import type { LoadHook, ResolveHook } from 'node:module'
import { stripTypes } from './strip-types.ts'

/**
 * Hooks of Node's module loader in the thread of a router: `tandem` is this installation wherever the router stands, and
 * TypeScript loses its types on the way, on every line and column as it was written.
 */

/** The router itself: what the node has read, so that a thread that is started anew runs what was in force, whatever the file has become. */
let router = { url: '', source: '' }

const MODULES: Readonly<Record<string, string>> = {
  tandem: new URL('../../lib/route/router.js', import.meta.url).href,
  'tandem/testing': new URL('./simulate.js', import.meta.url).href,
}

export function initialize(data: typeof router): void {
  router = data
}

export const resolve: ResolveHook = (specifier, context, nextResolve) => {
  const url = MODULES[specifier]
  return url === undefined ? nextResolve(specifier, context) : { url, shortCircuit: true }
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const isRouter = url === router.url
  const isTyped = /^file:.*\.m?ts$/.test(url)
  if (!isRouter && !isTyped) return nextLoad(url, context)
  const text = isRouter ? router.source : await readFile(new URL(url), 'utf8')
  return { format: 'module', source: isTyped ? stripTypes(text, url) : text, shortCircuit: true }
}
