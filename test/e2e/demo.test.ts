import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { tempFolder } from '../helpers/postgres.ts'
import { postmasterOf, processTree } from '../helpers/process-tree.ts'
import { ROOT } from '../helpers/root.ts'
import { run } from '../helpers/run.ts'

/** `./tandem demo` driven as a script does: commands in, lines out. */
class DemoProcess {
  readonly child: ChildProcess
  readonly #lines: string[] = []
  readonly #waiting = new Set<() => void>()

  constructor(tmpdir: string) {
    this.child = spawn(join(ROOT, 'tandem'), ['demo'], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: tmpdir },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    if (this.child.stdout === null) throw new Error('the demo has no output')
    createInterface(this.child.stdout).on('line', (line) => {
      this.#lines.push(line)
      for (const wake of [...this.#waiting]) wake()
    })
    this.child.once('exit', () => this.#lines.push('exit'))
  }

  write(line: string): void {
    this.child.stdin?.write(`${line}\n`)
  }

  /** The first line from now on, or before where `from` says so, that fits. */
  async said(pattern: RegExp, from = this.#lines.length): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.#lines.slice(from)) {
        const found = pattern.exec(line)
        if (found !== null) return found
        assert.notEqual(line, 'exit', `the demo ended before it said ${pattern}: ${this.#lines.join('\n')}`)
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  /** Asks for the counters until they are as wanted. */
  async counts(isEnough: (outbound: Readonly<Record<string, number>>) => boolean): Promise<Record<string, number>> {
    for (;;) {
      const answer = this.said(/^calls inbound .*; outbound (.*)$/)
      this.write('status')
      const pairs = ((await answer)[1] ?? '').split(' ').map((pair) => pair.split('='))
      const outbound = Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]))
      if (isEnough(outbound)) return outbound
      // The counters move once a second, when the next calls are placed.
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
}

describe('tandem demo', function () {
  this.timeout(90_000)

  it('has calls flow, goes on over beta where alpha is killed, takes alpha back, and leaves nothing behind', async () => {
    const folder = await tempFolder()
    await chmod(folder, 0o755)
    const demo = new DemoProcess(folder)
    try {
      const place = await demo.said(/TANDEM_URL=(\S+) TANDEM_API_KEY=(\S+)/, 0)
      await demo.counts(({ answered = 0 }) => answered >= 2)

      const [, url = '', key = ''] = place
      const asked = await run(join(ROOT, 'tandem'), ['trunks', '--json'], {
        env: { TANDEM_URL: url, TANDEM_API_KEY: key },
      })
      assert.deepEqual(
        JSON.parse(asked.stdout).map((trunk: { readonly id: string }) => trunk.id),
        ['alpha', 'beta'],
      )

      const killed = demo.said(/alpha is killed/)
      demo.write('kill alpha')
      await killed
      const { answered: before = 0, placed: sent = 0 } = await demo.counts(() => true)
      // Every call that was placed by then is answered, over beta.
      const after = await demo.counts(({ placed = 0, answered = 0 }) => placed >= sent + 4 && answered >= sent + 2)
      assert.ok((after.answered ?? 0) > before)
      assert.equal(after.lost, 0)

      const unknown = demo.said(/The carriers are alpha and beta/)
      demo.write('kill gamma')
      await unknown
      const back = demo.said(/alpha is well/)
      demo.write('revive alpha')
      await back

      const [data = ''] = await readdir(folder)
      const processes = processTree([demo.child.pid ?? -1, postmasterOf(join(folder, data))])
      assert.ok(processes.length >= 5, `only ${processes.length} processes`)
      demo.write('quit')
      const [code] = await once(demo.child, 'exit')
      assert.equal(code, 0)
      assert.deepEqual(processes.filter(runs), [])
      assert.deepEqual(await readdir(folder), [])
    } finally {
      demo.child.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    }
  })
})

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
