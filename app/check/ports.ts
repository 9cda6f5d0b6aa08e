import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { formatHostPort, type HostPort } from '../../lib/config/addresses.ts'
import type { Config } from '../../lib/config/resolve.ts'
import { describeHolder, portHolder } from '../port-holder.ts'
import { explainNetworkError, type Finding } from './finding.ts'

interface Wanted {
  readonly key: string
  readonly protocol: 'udp' | 'tcp'
  readonly address: HostPort
}

/** Each fixed port of the config: free, or held by whom. A held one is a warning, since it may be this node running already. */
export async function checkPorts({ sip, http, dns }: Config): Promise<readonly Finding[]> {
  const wanted: Wanted[] = [{ key: 'http.listen', protocol: 'tcp', address: http.listen }]
  if (dns !== null) {
    const protocols = dns.listen.protocol === 'udp' ? (['udp', 'tcp'] as const) : (['tcp'] as const)
    wanted.push(...protocols.map((protocol) => ({ key: 'dns.listen', protocol, address: dns.listen })))
  }
  if (sip.engine.kind === 'embedded') {
    sip.listen.forEach((address, i) => {
      wanted.push({ key: `sip.listen[${i}]`, protocol: address.protocol === 'udp' ? 'udp' : 'tcp', address })
    })
  }
  return Promise.all(wanted.filter(({ address }) => address.port !== 0).map(checkPort))
}

async function checkPort({ key, protocol, address }: Wanted): Promise<Finding> {
  const base = { subject: 'port', name: `${protocol}:${formatHostPort(address)}` } as const
  const cause = await (protocol === 'udp' ? bindUdp(address) : bindTcp(address))
  if (cause === null) return { ...base, status: 'ok', detail: 'free' }
  if (cause.code === 'EADDRINUSE') {
    const holder = describeHolder(await portHolder(protocol, address))
    return { ...base, status: 'warning', detail: `${key}: in use by ${holder}` }
  }
  const words = cause.code === 'EADDRNOTAVAIL' ? 'this machine has no such address' : explainNetworkError(cause)
  return { ...base, status: 'error', detail: `${key}: ${words}` }
}

function bindUdp({ host, port }: HostPort): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', (cause) => {
      resolve(cause)
      socket.close()
    })
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(null)))
  })
}

function bindTcp({ host, port }: HostPort): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}
