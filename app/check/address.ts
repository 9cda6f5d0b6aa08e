import { isIp } from '../../lib/config/addresses.ts'
import { type Config, isOnOneAddress } from '../../lib/config/resolve.ts'
import type { Finding } from './finding.ts'

/** Whether what others are told as our address can be right. */
export function checkAddress({ node: { address }, sip }: Config): Finding {
  const base = { subject: 'address', name: address } as const
  if (!isOnOneAddress({ host: address })) {
    const detail = 'node.address: nobody can send to it; give the address that carriers reach this node at'
    return { ...base, status: 'warning', detail }
  }
  if (sip.engine.kind === 'drachtio') return { ...base, status: 'ok', detail: 'told to others in SDP and 302' }
  const hosts = sip.listen.map(({ host }) => host)
  // What a name stands for, and where a socket on every address is reached, is not known here.
  const known = [address, ...hosts].every((host) => isIp(host) && isOnOneAddress({ host }))
  if (!known || hosts.includes(address))
    return { ...base, status: 'ok', detail: 'told to others in Via, Contact and SDP' }
  const detail = `node.address: no socket of sip.listen is at it (${[...new Set(hosts)].join(', ')}); right only where something in between translates`
  return { ...base, status: 'warning', detail }
}
