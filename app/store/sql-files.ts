import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError } from './store-error.ts'

/**
 * The text of every `.sql` file of a folder beside this module, by file name without its ending. The compiled program
 * stands in another folder than the SQL, so both are looked for from the root of the package.
 */
export async function readSqlFiles(folder: 'migrations' | 'sql'): Promise<ReadonlyMap<string, string>> {
  const path = findFolder(join('app', 'store', folder))
  const names = (await readdir(path)).filter((name) => name.endsWith('.sql')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))
  return new Map(names.map((name, index) => [name.slice(0, -'.sql'.length), texts[index] ?? '']))
}

/** The statement of one file, which must be there. */
export function sqlOf(files: ReadonlyMap<string, string>, name: string): string {
  const text = files.get(name)
  if (text === undefined) throw new StoreError('postgres-refused', `app/store/sql/${name}.sql is missing`)
  return text
}

function findFolder(path: string): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const candidate = join(folder, path)
    if (existsSync(join(candidate, '..', '..', '..', 'package.json')) && existsSync(candidate)) return candidate
    if (dirname(folder) === folder) throw new StoreError('postgres-refused', `${path} is not part of this installation`)
  }
}
