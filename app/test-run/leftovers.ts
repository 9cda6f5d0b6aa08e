import { readdirSync, readFileSync } from 'node:fs'

/** What tests have left in their folder for temporary files, and which processes still run with it in their command line (Linux). */
export function leftovers(folder: string): readonly string[] {
  const processes = list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).some((word) => word.startsWith(`${folder}/`)))
    .map((pid) => `process ${pid} (${commandOf(pid).join(' ').slice(0, 120)})`)
  return [...list(folder), ...processes]
}

/** Empty where the process is gone. */
function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Empty where there is no such folder: another system than Linux has no /proc. */
function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
