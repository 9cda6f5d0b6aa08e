import { readFileSync, type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { defaultConfig } from '../lib/config/default-config.ts'
import { MAX_FILE_BYTES } from '../lib/config/document.ts'
import { parseConfig, wholeFile } from '../lib/config/load.ts'
import type { ManagedEntry } from '../lib/config/managed.ts'
import type { ConfigProblem } from '../lib/config/problem.ts'
import type { Config, Environment } from '../lib/config/resolve.ts'
import { err, ok, type Result } from '../lib/core/result.ts'
import { environment } from './environment.ts'

export type ConfigResult = Result<Config, readonly ConfigProblem[]>

/** Reads the config file, or the built-in config where `file` is undefined. The result is frozen. Never throws. */
export function loadConfig(file: string | undefined, env: Environment = environment): ConfigResult {
  if (file === undefined) return defaultConfig(env)
  const text = readConfigFile(file)
  return text.ok ? parseConfig(text.value, { env, file }) : text
}

function readConfigFile(file: string): Result<string, readonly ConfigProblem[]> {
  try {
    const { size } = statSync(file)
    // Before reading: a file of many gigabytes must not be read to find that it is none of ours.
    if (size > MAX_FILE_BYTES)
      return err([wholeFile(file, 'limit', `too large: ${size} bytes, at most ${MAX_FILE_BYTES}`)])
    return ok(readFileSync(file, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return err([wholeFile(file, 'file', `cannot be read (${resolve(file)}): ${reason}`)])
  }
}

const POLL_MS = 500

export interface ConfigWatch {
  /** The file as it was when it was last of use by itself, with entries beside it. */
  withManaged(entries: readonly ManagedEntry[]): ConfigResult
  /** Stops watching; no call of `onChange` comes after it. */
  close(): void
}

/**
 * Reads the file again whenever it changes or SIGHUP comes, and hands over what came of it: the new config, or why it
 * cannot be used, in which case the old one stays in force. It polls, because a replaced symlink (as Kubernetes mounts
 * a ConfigMap) escapes every notification.
 */
export function watchConfig(
  file: string,
  onChange: (result: ConfigResult) => void,
  { env = environment, pollMs = POLL_MS }: { readonly env?: Environment; readonly pollMs?: number } = {},
): ConfigWatch {
  let last = readConfigFile(file)
  let useful = last
  let seen = fingerprint(statSync(file, { throwIfNoEntry: false }))
  let changing = seen
  let closed = false
  const reload = (always: boolean): void => {
    const text = refuseBlank(file, readConfigFile(file))
    // A save that changes nothing, or a touch, is no change.
    if (!always && text.ok && last.ok && text.value === last.value) return
    last = text
    const result = text.ok ? parseConfig(text.value, { env, file }) : text
    if (result.ok) useful = text
    onChange(result)
  }
  const look = async (): Promise<void> => {
    const now = fingerprint(await stat(file).catch(() => undefined))
    if (closed || now === seen) return
    // Most editors empty a file and then write it. What half of it says may well be a config, of fewer trunks: it is read
    // when it has stood still from one look to the next.
    if (now !== changing) {
      changing = now
      return
    }
    seen = now
    reload(false)
  }
  const onHangup = (): void => reload(true)
  const timer = setInterval(() => void look(), pollMs).unref()
  process.on('SIGHUP', onHangup)
  return {
    withManaged: (managed) => (useful.ok ? parseConfig(useful.value, { env, file, managed }) : useful),
    close() {
      closed = true
      clearInterval(timer)
      process.off('SIGHUP', onHangup)
    },
  }
}

/** A file without a word would take every trunk and tenant out of service: it is one that is being written. */
function refuseBlank(
  file: string,
  text: Result<string, readonly ConfigProblem[]>,
): Result<string, readonly ConfigProblem[]> {
  return text.ok && text.value.trim() === '' ? err([wholeFile(file, 'file', 'is empty')]) : text
}

/** What tells one state of a file from the next without reading it; the link's target counts, not the link. */
function fingerprint(stats: Stats | undefined): string {
  return stats === undefined ? 'none' : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`
}
