import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the checkout, seen from dist/test/helpers. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** One `import` or `export … from`. */
export interface Import {
  /** As it is written, for a package; for a file of ours its path from the root. */
  readonly target: string
  readonly relative: boolean
  /** True where nothing of it is left after compiling. */
  readonly typeOnly: boolean
  /** What stands between `import` and `from`. */
  readonly names: string
}

export interface SourceFile {
  /** From the root, with forward slashes: `lib/core/result.ts`. */
  readonly path: string
  readonly text: string
  /** The text without comments and without what stands in quotes, each replaced by nothing but its line breaks. */
  readonly code: string
  readonly imports: readonly Import[]
}

/** All TypeScript files below the given folders of the checkout. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) => {
    const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    const paths = names
      .filter((name) => name.endsWith('.ts'))
      .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    return paths.sort().map(readSource)
  })
}

const COMMENT_OR_STRING =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=[=(,:!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g
const COMMENT = /(['"`])(?:\\[\s\S]|(?!\1)[^\\])*\1|\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*/g
const STATIC = /^(?:import|export)\s+(type\s+)?([^'"`;]*?\s*from\s+)?'([^']+)'/gm
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g

function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const code = text.replace(COMMENT_OR_STRING, (part) => part.replace(/[^\n]/g, ''))
  const bare = text.replace(COMMENT, (part) => (/^['"`]/.test(part) ? part : part.replace(/[^\n]/g, '')))
  const statics = [...bare.matchAll(STATIC)].map(([, type, names = '', target = '']) =>
    toImport(path, target, names, type !== undefined),
  )
  const dynamics = [...bare.matchAll(DYNAMIC)].map(([, target = '']) => toImport(path, target, '', false))
  return { path, text, code, imports: [...statics, ...dynamics] }
}

function toImport(path: string, target: string, names: string, typeOnly: boolean): Import {
  const relative = target.startsWith('.')
  return { target: relative ? posix.join(dirname(path), target) : target, relative, names, typeOnly }
}
