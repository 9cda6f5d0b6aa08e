import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type ConfigResult, type ConfigWatch, loadConfig, watchConfig } from '../../../app/config.ts'

/** What `watchConfig` hands over, one after the other. */
class Changes {
  readonly #seen: ConfigResult[] = []
  #wake: (() => void) | undefined

  readonly push = (result: ConfigResult): void => {
    this.#seen.push(result)
    this.#wake?.()
  }

  async next(): Promise<ConfigResult> {
    while (this.#seen.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#seen.shift() ?? assert.fail()
  }

  get waiting(): number {
    return this.#seen.length
  }
}

describe('a config file that is watched', () => {
  let folder: string
  let file: string
  let changes: Changes
  let watch: ConfigWatch

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-config-'))
    file = join(folder, 'tandem.yaml')
    writeFileSync(file, 'node: { id: one }\n')
    changes = new Changes()
    watch = watchConfig(file, changes.push, { env: {}, pollMs: 20 })
  })
  afterEach(() => {
    watch.close()
    rmSync(folder, { recursive: true })
  })

  const idOf = (result: ConfigResult): string =>
    result.ok ? result.value.node.id : result.error.map(({ message }) => message).join()

  it('is read again when it changes', async () => {
    writeFileSync(file, 'node: { id: two }\n')
    assert.equal(idOf(await changes.next()), 'two')
  })

  it('is read again when it is replaced by another, and when a link to it is', async () => {
    writeFileSync(join(folder, 'next'), 'node: { id: three }\n')
    renameSync(join(folder, 'next'), file)
    assert.equal(idOf(await changes.next()), 'three')
    writeFileSync(join(folder, 'target'), 'node: { id: four }\n')
    symlinkSync(join(folder, 'target'), join(folder, 'link'))
    renameSync(join(folder, 'link'), file)
    assert.equal(idOf(await changes.next()), 'four')
  })

  it('is read again on SIGHUP even where it is the same', async () => {
    process.kill(process.pid, 'SIGHUP')
    assert.equal(idOf(await changes.next()), 'one')
  })

  it('says why it cannot be used, and goes on watching', async () => {
    writeFileSync(file, 'node: { id: "!" }\n')
    const bad = await changes.next()
    assert.ok(!bad.ok)
    assert.equal(bad.error[0]?.path, 'node.id')
    rmSync(file)
    assert.match(idOf(await changes.next()), /cannot be read/)
    writeFileSync(file, 'node: { id: five }\n')
    assert.equal(idOf(await changes.next()), 'five')
  })

  it('is not taken for a config while it is being written: emptied first, then in parts', async () => {
    const text = 'node: { id: six }\nagents: { intake: { backend: local } }\n'
    // Always changing, for several looks of the watch.
    for (let part = 0, untilMs = performance.now() + 150; performance.now() < untilMs; part++) {
      writeFileSync(file, text.slice(0, part % text.length))
      await setImmediate()
    }
    writeFileSync(file, text)
    assert.equal(idOf(await changes.next()), 'six')
    assert.equal(changes.waiting, 0)
  })

  it('is refused where it is empty: that would take every trunk out of service', async () => {
    writeFileSync(file, '\n')
    assert.match(idOf(await changes.next()), /is empty/)
    process.kill(process.pid, 'SIGHUP')
    assert.match(idOf(await changes.next()), /is empty/)
  })

  it('is left alone after close', () => {
    watch.close()
    assert.equal(process.listenerCount('SIGHUP'), 0)
    assert.equal(changes.waiting, 0)
  })
})

describe('a config file that cannot be read', () => {
  it('is a problem with its path, and throws nothing', () => {
    const result = loadConfig('/nonexistent/tandem.yaml', {})
    assert.ok(!result.ok)
    assert.match(result.error[0]?.message ?? '', /cannot be read \(\/nonexistent\/tandem\.yaml\): ENOENT/)
    assert.ok(!loadConfig('/', {}).ok)
  })
})
