import { spawnSync } from 'node:child_process'
import type { Kind } from './suites.ts'

/** Debian packages that the tests drive us with: real peers, not imitations of them. */
const PACKAGES: Readonly<Record<Exclude<Kind, 'all'>, readonly string[]>> = {
  unit: [],
  integration: ['bind9-dnsutils', 'openssl', 'postgresql', 'redis-server'],
  e2e: ['sip-tester', 'baresip', 'pocketsphinx', 'pocketsphinx-en-us', 'bind9-dnsutils'],
}

/** What a kind of test needs and this machine has not. */
export function missingPackages(kind: Kind): readonly string[] {
  const needed = kind === 'all' ? Object.values(PACKAGES).flat() : PACKAGES[kind]
  return missingOf(needed)
}

/** Those of these Debian packages that this machine has not. */
export const missingOf = (names: readonly string[]): readonly string[] => names.filter((name) => !isInstalled(name))

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' })
  return stdout === 'installed'
}

/** Installs packages by apt as root. Says what it does; false where it cannot be done, and then says what to do. */
export function installPackages(names: readonly string[], say: (line: string) => void): boolean {
  const byHand = `apt-get install ${names.join(' ')}`
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) {
    say(`the tests need packages that are missing here: ${names.join(', ')}. Install them as root: ${byHand}`)
    return false
  }
  say(`installing what the tests need by apt: ${names.join(', ')}`)
  // Their daemons are not wanted: the tests start servers of their own, on ports of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const run = (...args: string[]): boolean => {
    const { status, stdout, stderr } = spawnSync('apt-get', args, {
      env,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    if (status !== 0) process.stderr.write(`${stdout}${stderr}`)
    return status === 0
  }
  // An update that fails may still leave a list that is good enough; the install decides.
  run('update', '-qq')
  if (run('install', '-y', '-qq', '--no-install-recommends', ...names)) return true
  say(`apt could not install them (see above). By hand: ${byHand}`)
  return false
}
