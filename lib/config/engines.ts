import { type HostPort, isIp, parseHostPort } from './addresses.ts'

/** Which SIP server carries the signaling. */
export type SipEngine = { readonly kind: 'embedded' } | DrachtioChoice

export interface DrachtioChoice {
  readonly kind: 'drachtio'
  /** Admin sockets. One at a time is used: the first that answers, then the next where that is lost. */
  readonly servers: readonly HostPort[]
  readonly secret: string
  /** Whether the admin connection is TLS, with the server's certificate verified. */
  readonly tls: boolean
  /** PEM file with the authority of that certificate; null: those that Node.js ships. */
  readonly ca: string | null
}

/** Which media servers carry RTP. `secret` is the password of FreeSWITCH's event socket. */
export type MediaEngineChoice =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'freeswitch'; readonly servers: readonly EngineUrl[] }

export type PostgresChoice = { readonly kind: 'embedded' } | { readonly kind: 'server'; readonly url: string }

/** Where the shared state lives; `embedded` is in Postgres. Passwords are inside the URLs, or in `password`. */
export type RedisChoice =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'server'; readonly url: string }
  | {
      readonly kind: 'sentinel'
      readonly hosts: readonly HostPort[]
      readonly name: string
      readonly password: string | null
    }
  | { readonly kind: 'cluster'; readonly hosts: readonly HostPort[]; readonly password: string | null }

export interface EngineUrl {
  readonly host: string
  readonly port: number
  readonly secret: string
}

/** `scheme://:SECRET@HOST:PORT`; the user part, where there is one, is not used. */
function parseEngineUrl(text: string, scheme: string, defaultPort: number): EngineUrl | undefined {
  const url = parseUrl(text)
  if (url === undefined || url.protocol !== `${scheme}:` || url.hostname === '') return undefined
  const port = url.port === '' ? defaultPort : Number(url.port)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, secret: decodeURIComponent(url.password) }
}

/** `embedded`, `drachtio://:SECRET@HOST:PORT,HOST:PORT`, or the same with `drachtios` and `?ca=FILE` for TLS. */
export function parseSipEngine(text: string): SipEngine | undefined {
  if (text === 'embedded') return { kind: 'embedded' }
  const parts = /^drachtio(s?):\/\/[^:@/?]*:([^@/?]*)@([^@/?]+)\/?(?:\?ca=([^&#]+))?$/.exec(text)
  if (parts === null) return undefined
  const [, s = '', secret = '', hosts = '', ca] = parts
  const tls = s === 's'
  const servers = parseHosts(hosts, tls ? DRACHTIO_TLS_PORT : DRACHTIO_PORT)
  const [plain, file] = [unescaped(secret), ca === undefined ? null : unescaped(ca)]
  // A secret with these would be read as several fields of the wire protocol.
  if (plain === undefined || plain === '' || /[|\r\n]/.test(plain)) return undefined
  if (servers === undefined || file === undefined || (file !== null && !tls)) return undefined
  return { kind: 'drachtio', servers, secret: plain, tls, ca: file }
}

/** Undefined where the escapes are no UTF-8. */
function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const DRACHTIO_PORT = 9_022
/** drachtio-server has no default for it; this is the port of its documentation. */
const DRACHTIO_TLS_PORT = 9_023

/** `embedded`, or `freeswitch://:SECRET@HOST:PORT` with as many `,HOST:PORT` as there are servers; they share the secret. */
export function parseMediaEngine(text: string): MediaEngineChoice | undefined {
  if (text === 'embedded') return { kind: 'embedded' }
  const [, start = '', hosts = '', rest = ''] = /^(freeswitch:\/\/(?:[^@/]*@)?)([^/@]+)(.*)$/.exec(text) ?? []
  const servers: EngineUrl[] = []
  for (const host of hosts.split(',')) {
    const server = parseEngineUrl(`${start}${host}${rest}`, 'freeswitch', 8021)
    if (server === undefined || server.secret === '') return undefined
    if (servers.some((other) => other.host === server.host && other.port === server.port)) return undefined
    servers.push(server)
  }
  return { kind: 'freeswitch', servers }
}

/** `embedded` or `postgres://USER@HOST/DATABASE`. */
export function parsePostgres(text: string): PostgresChoice | undefined {
  if (text === 'embedded') return { kind: 'embedded' }
  const url = parseUrl(text)
  const known = url !== undefined && (url.protocol === 'postgres:' || url.protocol === 'postgresql:')
  return known ? { kind: 'server', url: text } : undefined
}

/** `embedded`, `redis://…`, `rediss://…`, `redis+sentinel://H1,H2/NAME`, `redis+cluster://H1,H2`. */
export function parseRedis(text: string): RedisChoice | undefined {
  if (text === 'embedded') return { kind: 'embedded' }
  const several = /^redis\+(sentinel|cluster):\/\/(?::([^@]*)@)?([^/@]+)(?:\/([A-Za-z0-9._-]+))?\/?$/.exec(text)
  if (several !== null) return parseSeveral(several)
  const url = parseUrl(text)
  const known = url !== undefined && url.hostname !== '' && (url.protocol === 'redis:' || url.protocol === 'rediss:')
  return known ? { kind: 'server', url: text } : undefined
}

function parseSeveral([, kind, passwordText, hostsText = '', name]: RegExpExecArray): RedisChoice | undefined {
  const hosts = parseHosts(hostsText, kind === 'sentinel' ? 26_379 : 6_379)
  if (hosts === undefined) return undefined
  const password = passwordText === undefined ? null : decodeURIComponent(passwordText)
  if (kind === 'cluster') return name === undefined ? { kind: 'cluster', hosts, password } : undefined
  return name === undefined ? undefined : { kind: 'sentinel', hosts, name, password }
}

/** `HOST[:PORT],HOST[:PORT]`. */
function parseHosts(listed: string, defaultPort: number): readonly HostPort[] | undefined {
  const hosts: HostPort[] = []
  for (const text of listed.split(',')) {
    const host =
      parseHostPort(text) ?? parseHostPort(`${isIp(text) && text.includes(':') ? `[${text}]` : text}:${defaultPort}`)
    if (host === undefined) return undefined
    hosts.push(host)
  }
  return hosts
}

function parseUrl(text: string): URL | undefined {
  // decodeURIComponent throws on a lone percent sign, so a URL with one is none.
  return URL.canParse(text) && !/%(?![0-9A-Fa-f]{2})/.test(text) ? new URL(text) : undefined
}
