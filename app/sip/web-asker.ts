import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'

/** How long an answer may take, all together, as with drachtio-server. */
export const WEB_TIMEOUT_MS = 3_000

/** Most bytes of an answer, as with drachtio-server. */
export const MAX_WEB_ANSWER_BYTES = 16_384

/** Most questions that are open at a time; what is asked beyond them has no answer (our policy). */
export const MAX_WEB_QUESTIONS = 1_000

const MAX_SOCKETS = 64

/** Asks web services over HTTP and HTTPS. The server's certificate has to hold. */
export class WebAsker {
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS })
  readonly #https: HttpsAgent
  readonly #userAgent: string
  #open = 0

  /** @param ca who signs the certificates of web services; undefined: whom Node.js knows */
  constructor(ca: string | Buffer | undefined, userAgent: string) {
    this.#https = new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, ...(ca !== undefined && { ca }) })
    this.#userAgent = userAgent
  }

  /**
   * Asks by POST with a body, else by GET.
   *
   * @param done gets the body of the answer, whatever its status; undefined where there is none in time, or too much of it. Called once
   */
  ask(url: string, body: Buffer | undefined, done: (answer: string | undefined) => void): void {
    if (this.#open >= MAX_WEB_QUESTIONS) {
      done(undefined)
      return
    }
    this.#open += 1
    const isSecure = /^https:/i.test(url)
    const headers = {
      Accept: 'application/json',
      'User-Agent': this.#userAgent,
      ...(body !== undefined && { 'Content-Type': 'text/plain; charset=UTF-8', 'Content-Length': body.length }),
    }
    const method = body === undefined ? 'GET' : 'POST'
    const request = isSecure
      ? requestHttps(url, { method, headers, agent: this.#https })
      : requestHttp(url, { method, headers, agent: this.#http })
    let ended = false
    const end = (answer: string | undefined): void => {
      if (ended) return
      ended = true
      this.#open -= 1
      clearTimeout(timer)
      if (answer === undefined) request.destroy()
      done(answer)
    }
    const timer = setTimeout(() => end(undefined), WEB_TIMEOUT_MS)
    request.on('error', () => end(undefined))
    request.on('response', (response) => collect(response, end))
    request.end(body)
  }

  /** Closes what connections are kept. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

function collect(response: IncomingMessage, end: (answer: string | undefined) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_WEB_ANSWER_BYTES) end(undefined)
    else chunks.push(chunk)
  })
  response.on('error', () => end(undefined))
  response.on('close', () => end(response.complete ? Buffer.concat(chunks).toString() : undefined))
}
