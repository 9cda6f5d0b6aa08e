import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { inputOf, tryInput } from './campaign.ts'
import { FOUND, type Target } from './target.ts'
import { TARGETS } from './targets/all.ts'
import type { News, Order } from './worker.ts'

/*
 * Fuzzes for as long as wanted, in a thread that is watched:
 *
 *   node dist/test/fuzz/run.js --minutes 10 --seed 7 [--target sip]
 *   node dist/test/fuzz/run.js --target sip --seed 7 --case 4711     one case again
 *   node dist/test/fuzz/run.js --target sip --input FILE             one input again
 *
 * Inputs that were findings are written to test/fuzz/seeds/found, where every later run begins with them.
 */

/** A case that takes so long will not end. */
const HANG_MS = 20_000
const WATCH_MS = 1_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    target: { type: 'string', multiple: true },
    case: { type: 'string' },
    input: { type: 'string' },
  },
})

const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
const names = values.target ?? TARGETS.map(({ name }) => name)

function targetOf(name: string): Target {
  const target = TARGETS.find((one) => one.name === name)
  if (target === undefined) throw new Error(`no target ${name}: ${TARGETS.map((one) => one.name).join(', ')}`)
  return target
}

function again(target: Target, input: Buffer): void {
  process.stdout.write(`${input.toString('latin1')}\n-- ${input.length} bytes --\n`)
  tryInput(target, input)
  process.stdout.write('borne\n')
}

function keep(target: string, digest: string, input: Uint8Array): string {
  mkdirSync(FOUND, { recursive: true })
  const path = join(FOUND, `${target}-${digest}`)
  writeFileSync(path, input)
  return path
}

/** Resolves with the number of findings. */
function campaign(): Promise<number> {
  const progress = new SharedArrayBuffer(12)
  const shared = new Int32Array(progress)
  const fromMs = Date.now()
  const order: Order = { seed, targets: names, untilMs: fromMs + Number(values.minutes) * 60_000, progress }
  process.stdout.write(`seed ${seed}, ${values.minutes} minutes: ${names.join(', ')}\n`)
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: order })
  const where = (): string => `--target ${TARGETS[shared[0] ?? 0]?.name} --seed ${seed} --case ${shared[1]}`
  const kinds = new Set<string>()
  let lastCases = -1
  let lastMovedMs = Date.now()
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      const cases = shared[2] ?? 0
      if (cases !== lastCases) lastMovedMs = Date.now()
      lastCases = cases
      if (Date.now() - lastMovedMs > HANG_MS) end(`HANG ${where()}`)
    }, WATCH_MS)
    const end = (why: string | undefined): void => {
      clearInterval(watch)
      if (why !== undefined) process.stdout.write(`${why}\n`)
      void worker.terminate()
      resolve(kinds.size + (why === undefined ? 0 : 1))
    }
    worker.on('error', (error) => end(`CRASH ${where()}\n${error.stack}`))
    worker.on('message', (news: News) => {
      if (news.kind === 'finding') {
        // One input of a kind is enough: numbers in the words differ from input to input.
        const kind = `${news.target} ${news.what.replace(/\d+/g, 'N').slice(0, 60)}`
        if (kinds.has(kind)) return
        kinds.add(kind)
        const path = keep(news.target, news.digest, news.input)
        process.stdout.write(
          `FINDING --target ${news.target} --seed ${seed} --case ${news.number}\n${news.what}\n${path}\n`,
        )
        return
      }
      const seconds = (Date.now() - fromMs) / 1000
      for (const [name, cases] of Object.entries(news.cases)) process.stdout.write(`${name.padEnd(14)}${cases} cases\n`)
      process.stdout.write(`${lastCases} cases in ${Math.round(seconds)} s, ${kinds.size} findings\n`)
      end(undefined)
    })
  })
}

if (values.input !== undefined) again(targetOf(names[0] ?? ''), readFileSync(values.input))
else if (values.case !== undefined) {
  const target = targetOf(names[0] ?? '')
  again(target, inputOf(target, seed, Number(values.case)))
} else {
  names.forEach(targetOf)
  process.exitCode = (await campaign()) === 0 ? 0 : 1
}
