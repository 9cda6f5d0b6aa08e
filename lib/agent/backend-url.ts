import { err, ok, type Result } from '../core/result.ts'

/** Where a backend is reached, and whether without TLS. */
export interface BackendUrl {
  readonly baseUrl: string
  readonly plaintext: boolean
}

/** Plaintext is for this machine alone: the key and the call's audio would go over the network in clear. */
export function judgeBackendUrl(baseUrl: string): Result<BackendUrl, string> {
  if (!URL.canParse(baseUrl)) return err(`not a URL: ${baseUrl.slice(0, 128)}`)
  const url = new URL(baseUrl)
  if (url.search !== '' || url.hash !== '') return err('a backend URL has no query and no fragment')
  switch (url.protocol) {
    case 'https:':
    case 'wss:':
      return ok({ baseUrl, plaintext: false })
    case 'http:':
    case 'ws:':
      if (isLoopback(url.hostname)) return ok({ baseUrl, plaintext: true })
      return err(`${url.protocol}// would send the key in clear to ${url.hostname}: use https:// or wss://`)
    default:
      return err(`a backend is reached by https://, wss://, or on this machine http:// or ws://, not ${url.protocol}//`)
  }
}

/** RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3. */
const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
