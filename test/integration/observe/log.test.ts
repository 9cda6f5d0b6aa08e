import assert from 'node:assert/strict'
import { createLog } from '../../../app/observe/log.ts'
import { formatLogLine } from '../../../app/observe/log-line.ts'
import { ROOT } from '../../helpers/root.ts'
import { run } from '../../helpers/run.ts'

const NUMBER = '+12025550123'
const KEY = 'sk-test-0123456789abcdef'

function capture(pretty = false) {
  const lines: string[] = []
  const { log } = createLog({
    level: 'debug',
    pretty,
    colour: false,
    stream: { write: (line) => void lines.push(line) },
  })
  return { log, lines }
}

describe('the log', () => {
  it('lets no number and no key through, wherever they stand', () => {
    const { log, lines } = capture()
    const error = new Error(`call of ${NUMBER} failed`, { cause: new Error(KEY) })
    log.info({ from: NUMBER, to: '2025550199', nested: { password: 'hunter2', text: `key ${KEY}` } }, `from ${NUMBER}`)
    log.error({ err: error }, 'failed')
    log.error(error)
    log.child({ caller: NUMBER, apiKey: KEY }).warn('%s and %s', NUMBER, KEY)
    assert.equal(lines.length, 4)
    assert.doesNotMatch(lines.join(''), /2025550123|2025550199|0123456789abcdef|hunter2/)
    assert.match(lines[0] ?? '', /"from":"\+1\*+23"/)
  })

  it('writes one JSON object a line, with level and time in words', () => {
    const { log, lines } = capture()
    log.warn({ call: 'x' }, 'two\nlines')
    const { time, ...rest }: Record<string, unknown> = JSON.parse(lines.join(''))
    assert.match(String(time), /^\d{4}-\d\d-\d\dT/)
    assert.deepEqual(rest, { level: 'warn', call: 'x', msg: 'two\nlines' })
  })

  it('writes a line for people on a terminal, with the stack of an error below', () => {
    const { log, lines } = capture(true)
    log.error({ call: 'x', err: new Error('broken\u001b[2J') }, 'failed')
    const [first = '', second = ''] = lines.join('').split('\n')
    assert.match(first, /^\d\d:\d\d:\d\d\.\d{3} error failed call=x$/)
    assert.match(second, /^ +Error: broken/)
    assert.ok(!lines.join('').includes('\u001b'))
    assert.equal(formatLogLine('no json\n', false), 'no json\n')
  })

  it('writes nothing below its level', () => {
    const lines: string[] = []
    const { log } = createLog({ level: 'warn', stream: { write: (line) => void lines.push(line) } })
    log.info('quiet')
    assert.deepEqual(lines, [])
  })

  it('survives that nobody reads standard output any more', async () => {
    const script = `
      import { createLog } from '${ROOT}/dist/app/observe/log.js'
      const log = createLog({ level: 'info' })
      for (let i = 0; i < 20_000; i += 1) log.log.info({ i, padding: 'x'.repeat(100) }, 'line')
      await new Promise((resolve) => setTimeout(resolve, 50))
      log.log.info('after')
      await log.close()
      process.stderr.write('alive')
    `
    const shell = `"${process.execPath}" --input-type=module -e "$SCRIPT" | head -1 > /dev/null`
    const { stderr } = await run('sh', ['-c', shell], { env: { SCRIPT: script } })
    assert.equal(stderr, 'alive')
  })
})
