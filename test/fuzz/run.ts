import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { inputOf, tryInput } from './campaign.ts'
import { FOUND, type Target } from './target.ts'
import { TARGETS } from './targets/all.ts'
import { NAMES, type News, type Order } from './worker.ts'
import { WORLDS, WorldCampaign } from './world/campaign.ts'

/*
 * Fuzzes for as long as wanted, in a thread that is watched:
 *
 *   npm run fuzz -- --minutes 10 --seed 7 [--target sip]
 *   npm run fuzz -- --target sip --seed 7 --case 4711     one case again
 *   npm run fuzz -- --target sip --input FILE             one input again
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
const names = values.target ?? NAMES
const say = (text: string): void => void process.stdout.write(`${text}\n`)

function targetOf(name: string): Target {
  const target = TARGETS.find((one) => one.name === name)
  if (target === undefined) throw new Error(`no target ${name}: ${NAMES.join(', ')}`)
  return target
}

function again(target: Target, input: Buffer): void {
  say(`${input.toString('latin1')}\n-- ${input.length} bytes --`)
  tryInput(target, input)
  say('borne')
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
  say(`seed ${seed}, ${values.minutes} minutes: ${names.join(', ')}`)
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: order })
  const where = (): string => `--target ${names[shared[0] ?? 0]} --seed ${seed} --case ${shared[1]}`
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
      if (why !== undefined) say(why)
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
        say(`FINDING --target ${news.target} --seed ${seed} --case ${news.number}\n${news.what}\n${news.stack}`)
        if (news.input.length > 0) say(keep(news.target, news.digest, news.input))
        return
      }
      for (const [name, cases] of Object.entries(news.cases)) say(`${name.padEnd(14)}${cases} cases`)
      const seconds = Math.round((Date.now() - fromMs) / 1000)
      for (const { name, messages, growthBytes } of news.worlds) {
        say(`${messages} messages of ${name}, whose heap grew by ${growthBytes} bytes in a batch at most`)
      }
      say(`${shared[2]} cases in ${seconds} s, ${kinds.size} findings`)
      end(undefined)
    })
  })
}

if (values.input !== undefined) again(targetOf(names[0] ?? ''), readFileSync(values.input))
else if (values.case === undefined) {
  for (const name of names) if (!(name in WORLDS)) targetOf(name)
  process.exitCode = (await campaign()) === 0 ? 0 : 1
} else if ((names[0] ?? '') in WORLDS) {
  const world = new WorldCampaign(names[0] ?? '', seed)
  await world.replay(Number(values.case))
  await world.close()
  say('borne')
} else {
  const target = targetOf(names[0] ?? '')
  again(target, inputOf(target, seed, Number(values.case)))
}
