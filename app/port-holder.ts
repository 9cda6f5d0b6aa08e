import { readdir, readFile, readlink } from 'node:fs/promises'
import { type HostPort, ipv6Groups, isIpv4 } from '../lib/config/addresses.ts'

/** The process that holds a port, as far as this user may see it. */
export interface PortHolder {
  readonly pid: number
  /** Its command line, cut at 80 characters. */
  readonly command: string
}

const MAX_COMMAND = 80

/**
 * Who listens on a port of this machine, read from /proc. Null on systems without it, where nobody does, or where the
 * holder belongs to a user whose processes we may not look into.
 */
export async function portHolder(protocol: 'udp' | 'tcp', { host, port }: HostPort): Promise<PortHolder | null> {
  const inodes = new Set<string>()
  for (const table of [protocol, `${protocol}6`]) {
    const rows = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '')
    for (const inode of listeningInodes(rows, protocol, host, port)) inodes.add(inode)
  }
  return inodes.size === 0 ? null : processOf(inodes)
}

/** `NAME (pid N)`, or words for a holder that cannot be seen. */
export const describeHolder = (holder: PortHolder | null): string =>
  holder === null ? 'a process that cannot be seen from here' : `${holder.command} (pid ${holder.pid})`

/** Rows of /proc/net/{tcp,udp}: local address and port in hex, state 0A is LISTEN and 07 an unconnected UDP socket. */
function* listeningInodes(table: string, protocol: 'udp' | 'tcp', host: string, port: number): Generator<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const state = protocol === 'tcp' ? '0A' : '07'
  const wanted = kernelAddress(host)
  for (const row of table.split('\n').slice(1)) {
    const [, local = '', , rowState, , , , , , inode] = row.trim().split(/\s+/)
    if (!local.endsWith(suffix) || rowState !== state || inode === undefined) continue
    const address = local.slice(0, -suffix.length)
    const anyAddress = /^0+$/.test(address)
    if (anyAddress || wanted === null || /^0+$/.test(wanted) || address === wanted) yield inode
  }
}

/** An address as /proc writes it, each 32-bit word in the byte order of the machine (little-endian); null for a name. */
function kernelAddress(host: string): string | null {
  if (isIpv4(host)) return Buffer.from(host.split('.').map(Number)).reverse().toString('hex').toUpperCase()
  const groups = ipv6Groups(host)
  if (groups === undefined) return null
  const bytes = Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
  return bytes.swap32().toString('hex').toUpperCase()
}

async function processOf(inodes: ReadonlySet<string>): Promise<PortHolder | null> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    // Processes of other users, and those that end meanwhile, are passed over.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const descriptor of descriptors) {
      const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''))?.[1]
      if (inode !== undefined && inodes.has(inode)) return { pid: Number(pid), command: await commandOf(pid) }
    }
  }
  return null
}

async function commandOf(pid: string): Promise<string> {
  const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim()
  if (line === '') return 'unknown'
  return line.length > MAX_COMMAND ? `${line.slice(0, MAX_COMMAND)}…` : line
}
