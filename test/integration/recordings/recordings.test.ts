import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WRAP_KEY_FILE } from '../../../app/key-wrap.ts'
import { Recordings } from '../../../app/recordings/recordings.ts'
import { RecordingSwitch } from '../../../app/recordings/switch.ts'
import { RecordingWriter } from '../../../app/recordings/writer.ts'
import { callId, tenantId } from '../../../lib/core/ids.ts'

const CALL = callId('01JD0000000000000000000001')
const CLINIC = tenantId('clinic')

describe('recordings at rest', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tandem-recordings-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  /** Records three seconds of a caller whose audio is one byte; gives the recording's name and file. */
  async function record(
    recordings: Recordings,
    byte = 0x11,
  ): Promise<{ readonly name: string; readonly file: string }> {
    const { name, spec } = recordings.begin(CALL, CLINIC)
    const writer = new RecordingWriter(spec, 0, assert.fail)
    for (let ms = 20; ms <= 3_000; ms += 20) {
      writer.add('caller', new Uint8Array(160).fill(byte), 'PCMU', ms)
      writer.tick(ms)
    }
    assert.deepEqual(await writer.close(3_000), { seconds: 3, complete: true, pausedMs: 0 })
    return { name, file: spec.file }
  }

  async function read(recordings: Recordings, name: string, call = CALL): Promise<Buffer | null> {
    const wav = await recordings.read(name, call)
    if (wav === null) return null
    const chunks: Buffer[] = []
    for await (const chunk of wav.chunks) chunks.push(chunk)
    const all = Buffer.concat(chunks)
    assert.equal(all.length, wav.length)
    return all
  }

  it('give back what was said, and show nothing of it on the disk', async () => {
    const recordings = await Recordings.open(folder, 'a secret')
    const { name, file } = await record(recordings)
    const wav = await read(recordings, name)
    assert.equal(wav?.length, 44 + 3 * 32_000)
    const sample = wav.subarray(44, 48)
    assert.notEqual(sample.readInt16LE(0), 0)
    assert.equal(sample.readInt16LE(2), 0)
    assert.ok(!(await readFile(file)).includes(Buffer.concat([sample, sample, sample])))
  })

  it('have silence where the agent had them paused, and say for how long', async () => {
    const recordings = await Recordings.open(folder, 'a secret')
    const { name, spec } = recordings.begin(CALL, CLINIC)
    const paused = new RecordingSwitch(true)
    const writer = new RecordingWriter(spec, 0, assert.fail, paused)
    for (let ms = 20; ms <= 3_000; ms += 20) {
      if (ms === 1_020) assert.equal(paused.set(false), true)
      if (ms === 2_020) paused.set(true)
      writer.add('caller', new Uint8Array(160).fill(0x11), 'PCMU', ms)
      writer.tick(ms)
    }
    assert.deepEqual(await writer.close(3_000), { seconds: 3, complete: true, pausedMs: 1_000 })
    const wav = await read(recordings, name)
    const at = (ms: number): number => wav?.readInt16LE(44 + ms * 32) ?? 0
    const heard = [500, 999, 1_001, 1_500, 1_999, 2_001].map((ms) => at(ms) !== 0)
    assert.deepEqual(heard, [true, true, false, false, false, true])
  })

  it('are read with the key of the data folder, which is made once, and with no other', async () => {
    const { name } = await record(await Recordings.open(folder, null))
    assert.equal((await stat(join(folder, WRAP_KEY_FILE))).mode & 0o077, 0)
    assert.ok((await read(await Recordings.open(folder, null), name)) !== null)
    assert.equal(await read(await Recordings.open(folder, 'another'), name), null)
  })

  it('belong to their call, and to no other file of the machine', async () => {
    const recordings = await Recordings.open(folder, 'a secret')
    const { name } = await record(recordings)
    assert.equal(await read(recordings, name, callId('01JD0000000000000000000002')), null)
    await writeFile(join(folder, 'secret'), randomBytes(100))
    for (const other of ['secret', 'recordings/../secret', `recordings/clinic/../../${name}`, '/etc/passwd', '']) {
      assert.equal(await read(recordings, other), null)
    }
  })

  it('can be read as far as they were written when the node was killed', async () => {
    const recordings = await Recordings.open(folder, 'a secret')
    const { name, file } = await record(recordings)
    await truncate(file, (await stat(file)).size - 1)
    assert.equal((await read(recordings, name))?.length, 44 + 2 * 32_000)
  })

  it('are not given out where somebody has changed them', async () => {
    const recordings = await Recordings.open(folder, 'a secret')
    const { name, file } = await record(recordings)
    const bytes = await readFile(file)
    bytes[200] = (bytes[200] ?? 0) ^ 1
    await writeFile(file, bytes)
    await assert.rejects(read(recordings, name), /chunk 0 .* is not as it was written/)
  })

  it('are removed when their tenant has kept them long enough, and only then', async () => {
    const recordings = await Recordings.open(folder, 'a secret')
    const { file } = await record(recordings)
    const now = Date.now()
    await utimes(file, new Date(now - 60_000), new Date(now - 60_000))
    assert.equal(await recordings.sweep(() => null, now), 0)
    assert.equal(await recordings.sweep(() => 61_000, now), 0)
    assert.equal(await recordings.sweep((tenant) => (tenant === CLINIC ? 59_000 : null), now), 1)
    await assert.rejects(stat(file), /ENOENT/)
  })

  it('end early where the disk takes nothing, and say so, and the call goes on', async () => {
    await writeFile(join(folder, 'recordings'), 'a file where the folder should be')
    const recordings = await Recordings.open(folder, 'a secret')
    const { spec } = recordings.begin(CALL, CLINIC)
    const warnings: string[] = []
    const writer = new RecordingWriter(spec, 0, (message) => warnings.push(message))
    for (let ms = 20; ms <= 3_000; ms += 20) {
      writer.add('caller', new Uint8Array(160), 'PCMU', ms)
      writer.tick(ms)
    }
    assert.equal((await writer.close(3_000)).complete, false)
    assert.match(warnings.join(), /ends early/)
  })
})
