import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCsv } from '../../../lib/outbound/csv.ts'
import { KEYS } from '../../helpers/api.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { ROOT } from '../../helpers/root.ts'
import { type RunResult, run } from '../../helpers/run.ts'
import { until } from '../../helpers/until.ts'
import { BUSY, type ErrandNode, HUNG_UP, startErrandNode } from './errand-nodes.ts'

const PROGRAM = join(ROOT, 'dist/app/tandem.js')

describe('tandem dial', function () {
  this.timeout(90_000)
  let postgres: TestPostgres
  let folder: string
  let node: ErrandNode

  before(async () => {
    postgres = await startPostgres()
    folder = await tempFolder()
    node = await startErrandNode('east-1', postgres.url)
  })
  after(async () => {
    await node.stop()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  })

  beforeEach(() => {
    Object.assign(node, { atOnce: HUNG_UP, refusal: null, refused: 0 })
  })

  const env = () => ({ TANDEM_URL: node.url, TANDEM_API_KEY: KEYS.operator })
  const dial = (...args: readonly string[]): Promise<RunResult> =>
    run(process.execPath, [PROGRAM, 'dial', ...args], { env: env() })
  const numberOf = (i: number): string => `+1202555${String(i).padStart(4, '0')}`
  const list = async (name: string, numbers: readonly string[]): Promise<string> => {
    const file = join(folder, name)
    await writeFile(file, `to,tenant\n${numbers.map((number) => `${number},clinic\n`).join('')}`)
    return file
  }
  const timesRung = (number: string): number => node.rung.filter(({ to }) => to === number).length

  it('calls nobody where a line is wrong, and says which', async () => {
    const before = node.rung.length
    const file = await list('wrong.csv', [numberOf(1), 'nobody', numberOf(2), ''])
    const { code, stderr } = await dial(file, '--cps', '10')
    assert.equal(code, 1)
    assert.match(
      stderr,
      /wrong\.csv:3: to: "nobody" is no telephone number[^\n]*\n[^\n]*wrong\.csv:5: to: there is no number/,
    )
    assert.equal(node.rung.length, before)
  })

  it('says what is wrong with its options, with the code of usage', async () => {
    const file = await list('fine.csv', [numberOf(1)])
    assert.equal((await dial(file)).code, 2)
    assert.equal((await dial(file, '--cps', '0')).code, 2)
    const { code, stdout } = await dial(file, '--cps', '0.5', '--dry-run')
    assert.deepEqual([code, stdout], [0, '1 calls, placed within 2s. Nobody was called.\n'])
    assert.equal(timesRung(numberOf(1)), 0)
  })

  it('calls everybody at its pace, once however often it is run, also where the list has grown', async () => {
    const numbers = [11, 12, 13, 14, 15].map(numberOf)
    const out = join(folder, 'results.csv')
    const file = await list('reminders.csv', numbers)
    const beganAtMs = Date.now()
    const first = await dial(file, '--cps', '5', '--json', '--out', out)
    assert.equal(first.code, 0, first.stderr)
    assert.deepEqual(JSON.parse(first.stdout), {
      lines: 5,
      placed: 5,
      placedBefore: 0,
      states: { done: 5 },
      ended: false,
    })
    const times = node.rung.filter(({ to }) => numbers.includes(to)).map(({ startedAt }) => startedAt.getTime())
    const tookMs = Math.max(...times) - beganAtMs
    assert.ok(tookMs >= 790, `5 calls at 5 a second took ${tookMs} ms`)
    const read = parseCsv(await readFile(out, 'utf8'))
    assert.ok(read.ok)
    assert.deepEqual(
      read.value.map(({ fields }) => [fields[0], fields[1], fields[4], fields[5]]),
      [['line', 'to', 'state', 'outcome'], ...numbers.map((number, i) => [String(i + 2), number, 'done', 'answered'])],
    )
    await list('reminders.csv', [numberOf(16), ...numbers.toReversed()])
    const second = await dial(file, '--cps', '50', '--json')
    assert.equal(second.code, 0, second.stderr)
    const { placed, placedBefore } = JSON.parse(second.stdout)
    assert.deepEqual([placed, placedBefore], [6, 5])
    assert.deepEqual([...numbers, numberOf(16)].map(timesRung), [1, 1, 1, 1, 1, 1])
  })

  it('goes on where it was ended, and rings nobody twice', async () => {
    const numbers = Array.from({ length: 12 }, (_, i) => numberOf(100 + i))
    const file = await list('long.csv', numbers)
    const child = spawn(process.execPath, [PROGRAM, 'dial', file, '--cps', '2'], {
      cwd: ROOT,
      env: { ...process.env, ...env() },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    await until(async () => timesRung(numberOf(101)) > 0, 'the second call')
    child.kill('SIGINT')
    await ended
    assert.equal(child.exitCode, 1)
    assert.match(said, /Run the same again to go on/)
    const again = await dial(file, '--cps', '50')
    assert.equal(again.code, 0, again.stderr)
    assert.deepEqual(
      numbers.map(timesRung),
      numbers.map(() => 1),
    )
  })

  it('has as many under way as it may, and goes on with the list while somebody waits for another attempt', async () => {
    const numbers = [301, 302, 303].map(numberOf)
    node.atOnce = null
    const out = join(folder, 'two.csv')
    const running = dial(
      await list('two-at-a-time.csv', numbers),
      '--cps',
      '50',
      '--max-calls',
      '1',
      '--attempts',
      '2',
      '--retry-after',
      '5m',
      '--out',
      out,
    )
    const rings = (number: string) => until(async () => timesRung(number) === 1, `${number} to be rung`, 20_000)
    const end = (number: string, how: typeof BUSY | typeof HUNG_UP): string => {
      const call = node.rung.find(({ to }) => to === number)?.id
      assert.ok(call !== undefined)
      node.end(call, how, how === HUNG_UP)
      return call
    }
    const [first = '', second = '', third = ''] = numbers
    await rings(first)
    const errand = end(first, BUSY)
    await rings(second)
    assert.equal(timesRung(third), 0)
    end(second, HUNG_UP)
    await rings(third)
    end(third, HUNG_UP)
    // Its next attempt is minutes away.
    assert.equal((await node.remove(`/api/v1/errands/${errand}`)).statusCode, 200)
    const { code, stderr } = await running
    assert.equal(code, 0, stderr)
    const read = parseCsv(await readFile(out, 'utf8'))
    assert.ok(read.ok)
    assert.deepEqual(
      read.value.slice(1).map(({ fields }) => [fields[4], fields[5]]),
      [
        ['cancelled', 'busy'],
        ['done', 'answered'],
        ['done', 'answered'],
      ],
    )
  })

  it('waits where the tenant is at its limit, and tells of lines that the node refuses', async () => {
    node.refusal = { code: 'limit', message: 'tenant "clinic" is at its limit of calls' }
    const file = await list('limited.csv', [201, 202].map(numberOf))
    const running = dial(file, '--cps', '50')
    await until(async () => node.refused > 0, 'the first call to be refused')
    node.refusal = null
    assert.equal((await running).code, 0)
    assert.deepEqual(
      [201, 202].map((i) => timesRung(numberOf(i))),
      [1, 1],
    )
    node.refusal = { code: 'request', message: 'there is no agent "nurse"' }
    const refused = await dial(await list('refused.csv', [numberOf(203)]), '--cps', '50')
    node.refusal = null
    assert.equal(refused.code, 1)
    assert.match(refused.stdout, /! line 2: there is no agent "nurse"\n0 of 1 placed: refused 1/)
  })
})
