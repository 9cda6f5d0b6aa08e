import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Import, ROOT, type SourceFile, sourceFiles } from '../helpers/source-files.ts'

/**
 * The shape of the code, which no linter of ours can check: `lib` decides and is pure, `app` does I/O, imports point
 * down, and a file is short enough to be read at once.
 */
const lib = sourceFiles('lib')
const app = sourceFiles('app')
const tests = sourceFiles('test')

/** `PATH: WHAT` of every file and finding; empty where all is well. */
function findings(files: readonly SourceFile[], find: (file: SourceFile) => readonly string[]): readonly string[] {
  return files.flatMap((file) => find(file).map((what) => `${file.path}: ${what}`))
}

const matches = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([found]) => found)

const imported = (file: SourceFile, wrong: (one: Import) => boolean): readonly string[] =>
  file.imports.filter(wrong).map(({ target }) => `imports ${target}`)

describe('lib', () => {
  it('never imports app, nor any package that does I/O', () => {
    const PURE = [
      'zod',
      'yaml',
      'sdp-transform',
      'libphonenumber-js',
      'ipaddr.js',
      'ulid',
      'dns-packet',
      'ajv',
      'node:crypto',
      'node:buffer',
      'node:zlib',
      'node:assert/strict',
    ]
    const isPure = (target: string): boolean => PURE.some((name) => target === name || target.startsWith(`${name}/`))
    const wrong = ({ target, relative, typeOnly }: Import): boolean =>
      relative ? !target.startsWith('lib/') : !typeOnly && !isPure(target)
    assert.deepEqual(
      findings(lib, (file) => imported(file, wrong)),
      [],
    )
  })

  it('reads no clock, makes no timer and no chance of its own, and sees no process', () => {
    const IMPURE =
      /\b(?:Date\.now|performance\.now|setTimeout|setInterval|setImmediate|queueMicrotask|Math\.random|crypto\.getRandomValues|randomUUID|randomBytes|randomInt|process\.\w+|console\.\w+|fetch)\b(?!\s*[?:])|\bnew Date\(\s*\)/g
    assert.deepEqual(
      findings(lib, ({ code }) => matches(withoutFields(code), IMPURE)),
      [],
    )
  })

  it('is layered: its folders do not import each other in a circle', () => {
    const folder = (path: string): string => path.split('/').slice(0, 2).join('/')
    const edges = lib.flatMap(({ path, imports }) =>
      imports.filter(({ relative }) => relative).map(({ target }) => [folder(path), folder(target)] as const),
    )
    const graph = new Map<string, Set<string>>()
    for (const [from, to] of edges) if (from !== to) graph.set(from, (graph.get(from) ?? new Set()).add(to))
    assert.deepEqual(cycles(graph), [])
  })

  it('stands on lib/core, which stands on nothing', () => {
    const core = lib.filter(({ path }) => path.startsWith('lib/core/'))
    assert.deepEqual(
      findings(core, (file) => imported(file, ({ target, relative }) => relative && !target.startsWith('lib/core/'))),
      [],
    )
  })

  it('has lib/call on top: nothing below imports it', () => {
    const below = lib.filter(({ path }) => !path.startsWith('lib/call/'))
    assert.deepEqual(
      findings(below, (file) => imported(file, ({ target }) => target.startsWith('lib/call/'))),
      [],
    )
  })
})

describe('the SIP server', () => {
  it('imports nothing of the project but lib/core and its own two folders, so that it could be a package', () => {
    const OWN = ['lib/sip/', 'app/sip/', 'lib/core/']
    const files = [...lib, ...app].filter(({ path }) => path.startsWith('lib/sip/') || path.startsWith('app/sip/'))
    const foreign = ({ target, relative }: Import): boolean =>
      relative && !OWN.some((prefix) => target.startsWith(prefix))
    assert.deepEqual(
      findings(files, (file) => imported(file, foreign)),
      [],
    )
  })
})

describe('app', () => {
  it('imports no test, and its commands are imported by the command line alone', () => {
    const wrong =
      (file: SourceFile) =>
      ({ target, relative }: Import): boolean => {
        const fromCommand = file.path === 'app/tandem.ts' || file.path.startsWith('app/commands/')
        return relative && (target.startsWith('test/') || (target.startsWith('app/commands/') && !fromCommand))
      }
    assert.deepEqual(
      findings(app, (file) => imported(file, wrong(file))),
      [],
    )
  })

  it('reads the environment in environment.ts, and elsewhere only to hand it to a child process', () => {
    // A child needs a PATH, and nothing else of ours.
    const reads = /\bprocess\.env\.(?!PATH\b)\w+|\bprocess\.env\[/g
    assert.deepEqual(
      findings(
        app.filter(({ path }) => path !== 'app/environment.ts'),
        ({ code }) => matches(code, reads),
      ),
      [],
    )
  })
})

describe('every file', () => {
  it('imports no other in a circle', () => {
    const graph = new Map(
      [...lib, ...app].map(({ path, imports }) => [
        path,
        new Set(imports.filter(({ relative }) => relative).map(({ target }) => target)),
      ]),
    )
    assert.deepEqual(cycles(graph), [])
  })

  it('has at most 350 lines', () => {
    const long = ({ text }: SourceFile): readonly string[] => {
      const lines = text.split('\n').length - 1
      return lines > 350 ? [`${lines} lines`] : []
    }
    assert.deepEqual(findings([...lib, ...app], long), [])
  })

  it('asserts no type but by `as const`, branded ids and adapters, and nothing away by "!" or any', () => {
    const ANY = /\bas any\b|:\s*any\b|<any>|@ts-(?:ignore|expect-error|nocheck)/g
    assert.deepEqual(
      findings([...lib, ...app], ({ code, text }) => [...matches(code, ANY), ...matches(text, /@ts-\w+/g)]),
      [],
    )
  })

  it('is finished: no mark of work to come, no test left out or run alone', () => {
    const marks = new RegExp(['TO', 'DO'].join('').concat('|FIX', 'ME|XX', 'X:'), 'g')
    assert.deepEqual(
      findings([...lib, ...app, ...tests], ({ text }) => matches(text, marks)),
      [],
    )
    assert.deepEqual(
      findings(tests, ({ code }) => matches(code, /\b(?:describe|it)\.(?:only|skip)\b/g)),
      [],
    )
  })

  it('cites pages that stand in this repository', () => {
    const cited = tracked()
      .filter((path) => path.endsWith('.ts') || path.endsWith('.sql') || path.endsWith('.yaml') || path.endsWith('.md'))
      .flatMap((path) =>
        [...readTracked(path).matchAll(/\bdocs\/[\w/-]+\.md\b|\b(?:semantics|contract|design)(?:\.md|, sections? \d)/g)]
          .filter(([page]) => !existsSync(join(ROOT, page)))
          .map(([page]) => `${path}: ${page}`),
      )
    assert.deepEqual(cited, [])
  })

  it("names no folder of a developer's machine", () => {
    const HOMES = /\/home\/(?!node\b)[a-z][\w-]*\/|\/Users\/[A-Za-z]|\/root\/[\w.]|\/work\/[\w.]|[A-Z]:\\Users\\/g
    const named = tracked()
      .filter((path) => !path.endsWith('.json') && path !== 'test/unit/architecture.test.ts')
      .flatMap((path) => matches(readTracked(path), HOMES).map((found) => `${path}: ${found}`))
    assert.deepEqual(named, [])
  })
})

/** Every file of the repository. */
const tracked = (): readonly string[] =>
  spawnSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .stdout.split('\0')
    .filter((path) => path !== '')

/** A tracked file that is gone from the work tree, or is binary, names nothing. */
function readTracked(path: string): string {
  try {
    const text = readFileSync(join(ROOT, path), 'utf8')
    return text.includes('\0') ? '' : text
  } catch {
    return ''
  }
}

/** Code without names of fields and methods that are merely called like something impure: `options.fetch`, `fetch:`. */
function withoutFields(code: string): string {
  return code.replace(/(?<!\bDate|\bMath|\bperformance|\bcrypto|\bprocess|\bconsole)\.\w+/g, '.')
}

/** Every set of nodes that reach each other (Tarjan's strongly connected components), as `a -> b -> …`. */
function cycles(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[] = []
  const lowOf = (node: string): number => low.get(node) ?? 0
  const visit = (node: string): void => {
    order.set(node, order.size)
    low.set(node, order.size - 1)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next)
      if (stack.includes(next)) low.set(node, Math.min(lowOf(node), lowOf(next)))
    }
    if (lowOf(node) !== order.get(node)) return
    const component = stack.splice(stack.indexOf(node))
    const self = graph.get(node)?.has(node) ?? false
    if (component.length > 1 || self) found.push(component.sort().join(' -> '))
  }
  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return found
}
