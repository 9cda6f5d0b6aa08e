import { X509Certificate } from 'node:crypto'
import type { Config } from '../../lib/config/resolve.ts'
import { readTls } from '../signaling/tls-files.ts'
import type { Finding } from './finding.ts'

/** With less time left than this a certificate should have been renewed: authorities that renew by themselves do it at 30 days. */
const SOON_DAYS = 14
const DAY_MS = 86_400_000

/** The certificates of tls sockets: whether they can be used, and how long. */
export function checkCertificates({ sip }: Config, nowMs = Date.now()): readonly Finding[] {
  if (sip.tls === null) return []
  const read = readTls(sip.tls)
  if (!read.ok) return [{ subject: 'certificate', name: 'sip.tls', status: 'error', detail: read.error }]
  const { cert, hosts } = read.value
  const all = [{ name: 'sip.tls', cert }, ...hosts.map((host, i) => ({ name: `sip.tls.hosts[${i}]`, cert: host.cert }))]
  return all.map((one) => judge(one.name, new X509Certificate(one.cert), nowMs))
}

function judge(name: string, { subjectAltName = '', validFrom, validTo }: X509Certificate, nowMs: number): Finding {
  const base = { subject: 'certificate', name } as const
  const daysLeft = Math.floor((Date.parse(validTo) - nowMs) / DAY_MS)
  const detail = `${subjectAltName === '' ? 'no names' : subjectAltName}; good until ${validTo}`
  if (Date.parse(validFrom) > nowMs) return { ...base, status: 'error', detail: `not good before ${validFrom}` }
  if (daysLeft < 0) return { ...base, status: 'error', detail: `has run out: ${detail}` }
  return { ...base, status: daysLeft < SOON_DAYS ? 'warning' : 'ok', detail: `${detail}, ${daysLeft} days` }
}
