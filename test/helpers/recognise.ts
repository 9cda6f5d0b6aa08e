import { run } from './run.ts'

/** The words that Debian's pocketsphinx understands in a recording of 16000 Hz, in lower case. */
export async function recognise(wav: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run('pocketsphinx_continuous', ['-infile', wav, '-logfn', '/dev/null'])
  if (code !== 0) throw new Error(`pocketsphinx_continuous failed: ${stderr}`)
  return stdout.toLowerCase().match(/[a-z']+/g) ?? []
}
