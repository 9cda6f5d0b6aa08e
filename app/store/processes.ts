import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { codeOf } from './store-error.ts'

/** Fields of `/proc/<pid>/stat` after the name, counted from 0 (proc(5): `state` is field 3, `starttime` field 22). */
const STATE = 0
const START_TIME = 19

/** True where a process of this number runs, ours or not. One that has ended but was not waited for runs no more. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false
  }
  return statOf(pid)?.[STATE] !== 'Z'
}

/** Ticks from boot to the start of the process: tells it from a later one of the same number. Null without /proc. */
export const startOf = (pid: number): string | null => statOf(pid)?.[START_TIME] ?? null

/**
 * True where the process runs the program of this name with this among its arguments. A number alone says nothing: it may
 * have been given to another process since.
 */
export async function runsProgram(pid: number, name: string, argument: string): Promise<boolean> {
  const [program = '', ...rest] = await commandOf(pid)
  return basename(program) === name && rest.includes(argument)
}

async function commandOf(pid: number): Promise<readonly string[]> {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)])
    return stdout.trim().split(' ')
  } catch {
    return [] // The process is gone.
  }
}

function statOf(pid: number): readonly string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before it is in parentheses and may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null // Another system than Linux, or the process is gone.
  }
}
