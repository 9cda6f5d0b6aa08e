import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isIPv4 } from 'node:net'

/** States of `/proc/net` that mean a bound port: TCP_LISTEN, and the one UDP sockets have that are not connected. */
const BOUND = { tcp: '0A', udp: '07' } as const

/**
 * Which process holds a port, such as `process 4711 (node)`, for an error message. Linux only, and only for processes we
 * may look into; undefined in all other cases. Reads `/proc` synchronously: ask only after a bind has failed.
 */
export function describePortHolder(protocol: 'tcp' | 'udp', host: string, port: number): string | undefined {
  const inode = findInode(protocol, host, port)
  const pid = inode === undefined ? undefined : findOwner(inode)
  if (pid === undefined) return undefined
  const name = readText(`/proc/${pid}/comm`)?.trim()
  return pid === String(process.pid) ? `this process (${pid})` : `process ${pid} (${name ?? 'unknown'})`
}

/** The socket that is bound to the port on this address, or on all addresses, or on any where we ask for all. */
function findInode(protocol: 'tcp' | 'udp', host: string, port: number): string | undefined {
  const wantedPort = port.toString(16).toUpperCase().padStart(4, '0')
  const wantedHost = isIPv4(host) ? hexOfIpv4(host) : undefined
  for (const table of [protocol, `${protocol}6`]) {
    const rows = readText(`/proc/net/${table}`)?.split('\n').slice(1) ?? []
    for (const row of rows) {
      const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/)
      const [boundHost = '', boundPort] = local.split(':')
      if (boundPort !== wantedPort || state !== BOUND[protocol]) continue
      const isAny = /^0+$/.test(boundHost) || host === '0.0.0.0' || host === '::'
      const isSame = boundHost === wantedHost || wantedHost === undefined
      if (isAny || isSame) return inode
    }
  }
  return undefined
}

/** `/proc/net` shows an IPv4 address as a little-endian word in hexadecimal. */
function hexOfIpv4(host: string): string {
  const octets = host.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'))
  return octets.reverse().join('').toUpperCase()
}

function findOwner(inode: string): string | undefined {
  const link = `socket:[${inode}]`
  const pids = listDirectory('/proc').filter((name) => /^\d+$/.test(name))
  return pids.find((pid) => listDirectory(`/proc/${pid}/fd`).some((fd) => readLink(`/proc/${pid}/fd/${fd}`) === link))
}

/** A process may end, or be closed to us, between two looks: that is an answer, no error. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const readText = (path: string): string | undefined => attempt(() => readFileSync(path, 'utf8'))
const readLink = (path: string): string | undefined => attempt(() => readlinkSync(path))
const listDirectory = (path: string): string[] => attempt(() => readdirSync(path)) ?? []
