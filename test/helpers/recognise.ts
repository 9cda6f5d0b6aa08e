import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resample } from '../../lib/media/resample.ts'
import { formatWavHeader, parseWav } from '../../lib/media/wav.ts'
import { run } from './run.ts'

const PHONE_RATE_HZ = 8_000
/** What Debian's English acoustic model was trained at. */
const MODEL_RATE_HZ = 16_000

/** The words that Debian's pocketsphinx understands in a recording, in lower case. */
export async function recognise(wav: string): Promise<readonly string[]> {
  const samples = parseWav(await readFile(wav))
  if (!samples.ok) throw new Error(samples.error.message)
  const wide = resample(samples.value, PHONE_RATE_HZ, MODEL_RATE_HZ)
  const audio = Buffer.from(wide.buffer, wide.byteOffset, wide.byteLength)
  const header = formatWavHeader(audio.length)
  header.writeUInt32LE(MODEL_RATE_HZ, 24)
  header.writeUInt32LE(MODEL_RATE_HZ * 2, 28)
  const folder = await mkdtemp(join(tmpdir(), 'tandem-words-'))
  try {
    const file = join(folder, 'wide.wav')
    await writeFile(file, Buffer.concat([header, audio]))
    const { code, stdout, stderr } = await run('pocketsphinx_continuous', ['-infile', file, '-logfn', '/dev/null'])
    if (code !== 0) throw new Error(`pocketsphinx_continuous failed: ${stderr}`)
    return stdout.toLowerCase().match(/[a-z']+/g) ?? []
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
