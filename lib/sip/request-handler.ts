import { parseJson } from '../core/json.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { SipRequest } from './message.ts'
import type { NameAddr } from './name-addr.ts'
import { MAX_PROXY_DESTINATIONS } from './proxy-command.ts'
import { isSipUri, parseUri } from './uri.ts'

/** Whom new requests of a method are taken to, as `<request-handler>` of drachtio-server's configuration. */
export interface RequestHandler {
  /** `INVITE` and the like; `*` for all that have none of their own. */
  readonly sipMethod: string
  /** How the web service is asked; by POST the request is the body. Ignored for `tcp://` and `tls://`. */
  readonly httpMethod: 'GET' | 'POST'
  /** `http://` or `https://`: a web service that says what becomes of each request. `tcp://HOST:PORT`, `tls://HOST:PORT`: the application itself. */
  readonly url: string
}

/** What becomes of a request. */
export type Instruction =
  | { readonly kind: 'reject'; readonly status: number; readonly reason: string | undefined }
  | { readonly kind: 'redirect'; readonly contacts: readonly string[] }
  /** The fields of a `proxy` command after the transaction. */
  | { readonly kind: 'proxy'; readonly fields: readonly string[] }
  | { readonly kind: 'connect'; readonly host: string; readonly port: number; readonly transport: 'tcp' | 'tls' }
  | { readonly kind: 'tag'; readonly tag: string }

/** Why a handler cannot work; undefined where nothing is wrong with it. */
export function handlerFault(handler: RequestHandler): string | undefined {
  const { sipMethod, url } = handler
  if (!/^(?:\*|[A-Za-z]+)$/.test(sipMethod)) return `no SIP method and not *: ${sipMethod}`
  if (/^https?:/i.test(url)) return URL.canParse(url) ? undefined : `no URL: ${url}`
  return directInstruction(handler) === undefined
    ? `neither http://, https://, tcp://HOST:PORT nor tls://HOST:PORT: ${url}`
    : undefined
}

/** The handler of a method; undefined where applications that are connected take it. */
export function handlerOf(handlers: readonly RequestHandler[], method: string): RequestHandler | undefined {
  return (
    handlers.find(({ sipMethod }) => sipMethod.toUpperCase() === method.toUpperCase()) ??
    handlers.find(({ sipMethod }) => sipMethod === '*')
  )
}

/** The instruction that stands in the URL itself; undefined where a web service has to be asked. */
export function directInstruction({ url }: RequestHandler): Instruction | undefined {
  const [, scheme, address = ''] = /^(tcp|tls):\/\/([^/]*)/i.exec(url) ?? []
  return scheme === undefined ? undefined : connectTo(`${address};transport=${scheme.toLowerCase()}`)
}

/** What a web service is asked, in drachtio-server's words and order; parameters of the Request-URI come last. */
export function questionUrl(
  { url }: RequestHandler,
  request: SipRequest,
  from: { readonly protocol: string; readonly remoteHost: string },
): string {
  const uri = request.requestUri()
  const fields: (readonly [string, string])[] = [
    ['method', request.method],
    ['domain', isSipUri(uri) ? uri.host : ''],
    ['protocol', from.protocol],
    ['source_address', from.remoteHost],
    ['fromUser', userOf(request.from())],
    ['toUser', userOf(request.to())],
    ['uriUser', isSipUri(uri) ? (uri.user ?? '') : ''],
    ['contentType', (request.header('Content-Type') ?? '').replace(/;.*$/s, '').trim()],
    ['uri', request.uri],
  ]
  if (isSipUri(uri)) for (const [name, value] of uri.params) fields.push([name, value ?? ''])
  const query = fields.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')
  return `${url.replace(/\/$/, '')}/?${query}`
}

/** Reads what the web service said; the error says what is wrong with it. */
export function readInstruction(body: string): Result<Instruction, string> {
  const answer = parseJson(body)
  if (!isRecord(answer)) return err('the answer is no JSON object')
  const { action, data } = answer
  if (!isRecord(data)) return err("missing 'data' object")
  switch (action) {
    case 'reject':
      return readReject(data)
    case 'redirect':
      return readRedirect(data)
    case 'proxy':
      return readProxy(data)
    case 'route':
      return readRoute(data)
    default:
      return err("'action' is none of reject, proxy, redirect and route")
  }
}

function userOf({ uri }: NameAddr): string {
  const parsed = parseUri(uri)
  return parsed !== undefined && isSipUri(parsed) ? (parsed.user ?? '') : ''
}

type Data = Readonly<Record<string, unknown>>

/** A request that is not even with an application can only be refused or sent elsewhere. */
function readReject({ status, reason }: Data): Result<Instruction, string> {
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 300 || status > 699) {
    return err("'status' is no number from 300 to 699")
  }
  return ok({ kind: 'reject', status, reason: typeof reason === 'string' ? reason : undefined })
}

function readRedirect({ contact }: Data): Result<Instruction, string> {
  const contacts = readTexts(contact)
  return contacts === undefined || contacts.length === 0
    ? err("'contact' is neither a string nor a list of strings")
    : ok({ kind: 'redirect', contacts })
}

/** What is not said is as with drachtio-server: serially, redirects followed, 5 s and 60 s. */
function readProxy(data: Data): Result<Instruction, string> {
  const destinations = readTexts(data.destination)
  if (destinations === undefined) return err("'destination' is neither a string nor a list of strings")
  const fields = [
    data.recordRoute === true ? 'remainInDialog' : '',
    '',
    data.followRedirects === false ? '' : 'followRedirects',
    data.simultaneous === true ? 'simultaneous' : 'serial',
    typeof data.provisionalTimeout === 'string' ? data.provisionalTimeout : '5s',
    typeof data.finalTimeout === 'string' ? data.finalTimeout : '60s',
  ]
  return ok({ kind: 'proxy', fields: [...fields, ...destinations] })
}

function readRoute({ uri, tag }: Data): Result<Instruction, string> {
  if (typeof uri === 'string') {
    const instruction = connectTo(uri)
    return instruction === undefined ? err("'uri' is no host:port;transport=tcp|tls") : ok(instruction)
  }
  return typeof tag === 'string' ? ok({ kind: 'tag', tag }) : err("neither 'uri' nor 'tag' is a string")
}

/** `HOST:PORT` or `HOST:PORT;transport=tls`. */
function connectTo(text: string): Instruction | undefined {
  const [, host = '', digits = '', transport] = /^([^\s/;]+):(\d{1,5})(?:;transport=(tcp|tls))?$/.exec(text) ?? []
  const port = Number(digits)
  if (host === '' || port < 1 || port > 65_535) return undefined
  return {
    kind: 'connect',
    host: host.replace(/^\[|\]$/g, ''),
    port,
    transport: transport === 'tls' ? 'tls' : 'tcp',
  }
}

function readTexts(value: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const texts = list.filter((each) => typeof each === 'string')
  return texts.length === list.length && texts.length <= MAX_PROXY_DESTINATIONS ? texts : undefined
}

const isRecord = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value)
