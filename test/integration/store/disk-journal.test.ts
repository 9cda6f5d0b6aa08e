import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { appendFile, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DiskJournal, type JournalLimits, type JournalTrouble } from '../../../app/store/disk-journal.ts'
import { NodeJournal } from '../../../app/store/journal.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import { tempFolder } from '../../helpers/postgres.ts'
import { callRow } from '../../helpers/records.ts'

describe('the journal on disk', function () {
  this.timeout(60_000)
  let folder: string
  const opened: DiskJournal[] = []

  beforeEach(async () => {
    folder = await tempFolder()
  })

  afterEach(async () => {
    for (const journal of opened.splice(0)) await journal.close().catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  })

  interface Opened {
    readonly disk: DiskJournal
    readonly journal: NodeJournal
    readonly troubles: (JournalTrouble | null)[]
    /** `appended`, `trouble`. */
    readonly signals: EventEmitter
  }

  async function open(at = folder, limits: Partial<JournalLimits> = {}): Promise<Opened> {
    const troubles: (JournalTrouble | null)[] = []
    const signals = new EventEmitter()
    const disk = await DiskJournal.open({
      folder: at,
      firstSequence: 1,
      onTrouble: (trouble) => {
        troubles.push(trouble)
        signals.emit('trouble')
      },
      onAppended: () => signals.emit('appended'),
      limits: { retryDelayMs: 10, ...limits },
    })
    opened.push(disk)
    return { disk, journal: new NodeJournal(disk, nodeId('east-1')), troubles, signals }
  }

  const log = (journal: NodeJournal, count: number): string[] =>
    Array.from({ length: count }, (_, n) => journal.event({ event: 'dtmf', n }).id)

  /** Takes everything there is to read, as the writer to Postgres does. */
  async function drain(disk: DiskJournal): Promise<string[]> {
    const ids: string[] = []
    for (let batch = await disk.read(); batch !== null; batch = await disk.read()) {
      for (const { json } of batch.frames) {
        const { event }: { event: { id: string } } = JSON.parse(json.toString())
        ids.push(event.id)
      }
      await disk.done(batch)
    }
    return ids
  }

  const segments = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith('.journal'))

  it('gives back what was appended, in order, once', async () => {
    const { disk, journal } = await open()
    const ids = log(journal, 1000)
    await disk.synced()
    assert.deepEqual(await drain(disk), ids)
    assert.deepEqual(await drain(disk), [])
    await disk.written()
  })

  it('gives a batch again until it is done', async () => {
    const { disk, journal } = await open()
    log(journal, 3)
    await disk.synced()
    const first = await disk.read()
    disk.putBack()
    assert.deepEqual((await disk.read())?.frames, first?.frames)
  })

  it('gives the next process what was not done, and numbers on', async () => {
    const first = await open()
    const ids = log(first.journal, 10)
    await first.disk.close()
    const second = await open()
    assert.deepEqual(log(second.journal, 1), ['east-1-11'])
    await second.disk.synced()
    const batch = await second.disk.read()
    assert.equal(batch?.earlier, true)
    assert.deepEqual(await drain(second.disk), [...ids, 'east-1-11'])
  })

  it('gives nothing again after an orderly end with all of it done', async () => {
    const first = await open()
    log(first.journal, 10)
    await first.disk.synced()
    await drain(first.disk)
    await first.disk.close()
    const second = await open()
    assert.deepEqual(await drain(second.disk), [])
    assert.deepEqual(log(second.journal, 1), ['east-1-11'])
  })

  it('keeps every whole line when a crash cut the last one, at whichever byte, and gives no number twice', async () => {
    const first = await open()
    log(first.journal, 3)
    await first.disk.synced()
    const [name = ''] = await segments()
    const whole = await readFile(join(folder, name))
    const lastLineAt = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (let cut = lastLineAt; cut <= whole.length; cut++) {
      const copy = join(folder, `cut-${cut}`)
      await mkdir(copy)
      await writeFile(join(copy, name), whole.subarray(0, cut))
      const { disk, journal } = await open(copy)
      const kept = cut === whole.length ? 3 : 2
      const expected = ['east-1-1', 'east-1-2', 'east-1-3'].slice(0, kept)
      const [next = ''] = log(journal, 1)
      await disk.synced()
      assert.deepEqual(await drain(disk), [...expected, next], `cut after ${cut} bytes`)
      assert.ok(Number(next.slice('east-1-'.length)) > 3)
    }
  })

  it('skips damage in the middle and says how much', async () => {
    const first = await open()
    const ids = log(first.journal, 3)
    await first.disk.close()
    const [name = ''] = await segments()
    const bytes = await readFile(join(folder, name))
    bytes[bytes.indexOf('"n":1')] = 0
    await writeFile(join(folder, name), bytes)
    const second = await open()
    const batch = await second.disk.read()
    assert.ok((batch?.damaged ?? 0) > 50)
    assert.deepEqual(await drain(second.disk), [ids[0], ids[2]])
  })

  it('goes on in a new segment when one is full, and deletes those that are done', async () => {
    const { disk, journal } = await open(folder, { segmentBytes: 2000 })
    const ids: string[] = []
    for (let round = 0; round < 10; round++) {
      ids.push(...log(journal, 10))
      await disk.synced()
    }
    assert.ok((await segments()).length > 5)
    ids.push(...log(journal, 1))
    await disk.synced()
    assert.deepEqual(await drain(disk), ids)
    assert.equal((await segments()).length, 1)
    assert.ok(disk.figures.diskBytes < 2000)
  })

  it('replays everything where the checkpoint is lost or rubbish', async () => {
    const first = await open()
    const ids = log(first.journal, 5)
    await first.disk.close()
    const [name = ''] = await segments()
    for (const [n, rubbish] of [null, '', '{', '{"segment":-1,"offset":0}', '{"segment":1.5,"offset":"x"}'].entries()) {
      const copy = join(folder, `copy-${n}`)
      await mkdir(copy)
      await copyFile(join(folder, name), join(copy, name))
      if (rubbish !== null) await writeFile(join(copy, 'checkpoint.json'), rubbish)
      const { disk } = await open(copy)
      assert.deepEqual(await drain(disk), ids, `checkpoint ${rubbish}`)
    }
  })

  it('takes rubbish files in its folder for what they are', async () => {
    await writeFile(join(folder, '0000000001.journal'), Buffer.alloc(3_000_000, 'x\n'))
    await writeFile(join(folder, '0000000002.journal'), '')
    await writeFile(join(folder, 'notes.txt'), 'mine')
    const { disk, journal } = await open()
    const ids = log(journal, 2)
    await disk.synced()
    assert.deepEqual(await drain(disk), ids)
  })

  it('holds entries in memory when the disk is full, and lends them to Postgres from there', async () => {
    const { disk, journal, troubles, signals } = await open(folder, { diskBytes: 1 })
    const ids = log(journal, 10)
    await disk.synced() // The first write still fits: a journal of 1 byte is not full while it is empty.
    const more = log(journal, 10)
    await once(signals, 'trouble')
    assert.match(troubles[0]?.reason ?? '', /its limit, that Postgres has not taken/)
    assert.equal(disk.healthy, false)
    const written = disk.written()
    const read: string[] = []
    while (read.length < 20) {
      read.push(...(await drain(disk)))
      if (read.length < 20) await once(signals, 'appended')
    }
    assert.deepEqual(read, [...ids, ...more])
    await written
  })

  it('is well again when Postgres has taken all that waited, though nothing more is appended', async () => {
    // Room for a line or two: what was read from disk makes room again.
    const { disk, journal, signals } = await open(folder, { segmentBytes: 1, diskBytes: 100, retryDelayMs: 100 })
    let lent = false
    while (!lent) {
      while (disk.healthy) {
        log(journal, 3)
        await Promise.race([disk.synced(), once(signals, 'trouble')])
      }
      for (let batch = await disk.read(); batch !== null; batch = await disk.read()) {
        // Longer than from one try of the disk to the next: none is made with what Postgres is about to take.
        lent = batch.source.kind === 'memory'
        if (lent) await delay(300)
        await disk.done(batch)
      }
    }
    if (!disk.healthy) await once(signals, 'trouble')
    assert.equal(disk.healthy, true)
    assert.deepEqual(await drain(disk), [])
  })

  it('gives up the least worthy when memory is full too, says so, and keeps calls to the last', async () => {
    const { disk, journal, troubles, signals } = await open(folder, { diskBytes: 1, memoryLength: 20_000 })
    log(journal, 1)
    await disk.synced()
    const trouble = once(signals, 'trouble')
    journal.call(callRow(1))
    for (let n = 0; n < 300; n++) journal.event({ event: 'dtmf', level: 'debug', n })
    await trouble
    const { dropped } = disk.figures
    assert.ok(troubles.some((told) => told?.dropped === dropped))
    assert.ok(dropped > 50 && dropped < 300, `dropped ${dropped}`)
    const kinds = new Set<string>()
    let frames = 0
    while (frames < 302 - disk.figures.dropped) {
      for (let batch = await disk.read(); batch !== null; batch = await disk.read()) {
        frames += batch.frames.length
        for (const { kind } of batch.frames) kinds.add(kind)
        await disk.done(batch)
      }
      if (frames < 302 - disk.figures.dropped) await once(signals, 'appended')
    }
    assert.deepEqual([...kinds].toSorted(), ['call', 'event'])
    await disk.written()
  })

  it('is what an appended text cannot break: newlines, control characters, 64 KiB', async () => {
    const first = await open()
    const texts = [
      '\n',
      '\r\n\0',
      '\u2028',
      '\ud800',
      '00000013 4cc93579 call {"sequence":7}\n',
      '\u0001'.repeat(65_536),
    ]
    const ids = texts.map((text) => first.journal.event({ event: 'dtmf', text }).id)
    await first.disk.close()
    const [name = ''] = await segments()
    await appendFile(join(folder, name), 'torn')
    const { disk } = await open()
    assert.deepEqual(await drain(disk), ids)
  })

  it('never goes back in time, though the clock does', async () => {
    const { disk } = await open()
    const clock = [new Date(2000), new Date(1000), new Date(3000)]
    const journal = new NodeJournal(disk, nodeId('east-1'), () => clock.shift() ?? new Date(0))
    const times = [1, 2, 3, 4].map(() => Date.parse(journal.event({ event: 'dtmf' }).at))
    assert.deepEqual(times, [2000, 2000, 3000, 3000])
  })

  it('lets no field of an event pass for its stamp', async () => {
    const { journal } = await open()
    const event = journal.event({ event: 'dtmf', id: 'forged-1', at: 'never', node: 'forged', digit: '5' })
    assert.deepEqual([event.id, event.node, event.level, event.digit], ['east-1-1', 'east-1', 'info', '5'])
    assert.ok(Number.isFinite(Date.parse(event.at)))
  })
})
