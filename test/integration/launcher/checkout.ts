import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../../helpers/source-files.ts'

/** What a finished run of the launcher said. */
export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** An npm that does in an instant what the real one does: it notes its arguments, and puts a compiler into node_modules. */
const NPM = `#!/bin/sh
echo "$*" >>npm-calls
[ "$1" = config ] && { echo https://registry.example.net/; exit 0; }
[ ! -f npm-fails ] || { cat npm-fails >&2; exit 1; }
if [ -f npm-fails-once ]; then cat npm-fails-once >&2; rm npm-fails-once; exit 1; fi
[ ! -f npm-is-slow ] || sleep 1
mkdir -p node_modules/typescript/bin
cp compiler.js node_modules/typescript/bin/tsc
`

/** A compiler that copies each .ts file to dist as .js; what it is given is JavaScript. */
const COMPILER = `
const fs = require('node:fs'), path = require('node:path')
fs.appendFileSync('compiler-calls', process.argv.slice(2).join(' ') + '\\n')
if (fs.existsSync('compiler-fails')) { console.log('app/tandem.ts(1,1): error TS1005'); process.exit(2) }
for (const folder of ['app', 'lib', 'test']) for (const name of fs.readdirSync(folder, { recursive: true })) {
  if (!name.endsWith('.ts')) continue
  const out = path.join('dist', folder, name.replace(/\\.ts$/, '.js'))
  fs.mkdirSync(path.dirname(out), { recursive: true })
  fs.copyFileSync(path.join(folder, name), out)
}
`

const PROGRAM = `
const { argv, pid } = process
if (argv[2] === 'wait') { process.on('SIGTERM', () => process.exit(7)); console.log(pid); setInterval(() => {}, 1000) }
else { console.log(JSON.stringify({ args: argv.slice(2), cwd: process.cwd() })); process.exitCode = argv[2] === 'fail' ? 5 : 0 }
`

/** A small checkout of its own with the real launcher, a false npm and a false compiler: nothing touches the network. */
export class Checkout {
  readonly folder = mkdtempSync(join(tmpdir(), 'tandem-launcher-'))

  constructor() {
    copyFileSync(join(ROOT, 'tandem'), this.path('tandem'))
    this.write('bin/npm', NPM)
    chmodSync(this.path('bin/npm'), 0o755)
    // The npm beside the Node in use is the one that is taken.
    symlinkSync(process.execPath, this.path('bin/node'))
    this.write('compiler.js', COMPILER)
    this.write('app/tandem.ts', PROGRAM)
    this.write('lib/a.ts', '')
    this.write('test/a.ts', '')
    this.write('package.json', '{"type":"commonjs"}')
    this.write('tsconfig.json', '{}')
    this.write('package-lock.json', '{}')
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  has(name: string): boolean {
    return existsSync(this.path(name))
  }

  /** Lines of a file; none where it is missing. */
  lines(name: string): readonly string[] {
    return this.has(name) ? readFileSync(this.path(name), 'utf8').trimEnd().split('\n') : []
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), text)
  }

  /** Writes a file as someone does who edits later: its time is after that of every build so far. */
  edit(name: string, text: string): void {
    this.write(name, text)
    const later = new Date(Date.now() + 2_000)
    utimesSync(this.path(name), later, later)
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true })
  }

  start(
    args: readonly string[],
    options: { readonly cwd?: string; readonly script?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): ChildProcess {
    const path = `${this.path('bin')}:/usr/bin:/bin`
    const env = { PATH: path, HOME: this.folder, TANDEM_NODE: this.path('bin/node'), ...options.env }
    return spawn(options.script ?? this.path('tandem'), args, {
      cwd: options.cwd ?? this.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  run(args: readonly string[], options: Parameters<Checkout['start']>[1] = {}): Promise<Run> {
    const child = this.start(args, options)
    let [stdout, stderr] = ['', '']
    child.stdout?.on('data', (data: Buffer) => {
      stdout += data.toString()
    })
    child.stderr?.on('data', (data: Buffer) => {
      stderr += data.toString()
    })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, stdout, stderr }))
    })
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
