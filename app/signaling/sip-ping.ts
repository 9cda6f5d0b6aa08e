import type Srf from 'drachtio-srf'

/** What came of one OPTIONS (RFC 3261 §11). */
export type PingResult =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly rttMs: number
      /** Retry-After in seconds, where the answer has one. */
      readonly retryAfterS: number | null
    }
  /** Nothing came in time; a 408 of our own SIP server is no answer either. */
  | { readonly kind: 'silence' }
  /** There is no SIP server to send it: of ours, not of the peer's. */
  | { readonly kind: 'away' }
  /** It could not be sent: no address, no connection. */
  | { readonly kind: 'transport'; readonly reason: string }

export interface Ping {
  readonly uri: string
  /** Where it is sent, as a SIP URI; absent: where `uri` leads. */
  readonly nextHop?: string
  readonly timeoutMs: number
}

/** Sends one OPTIONS over the sockets that calls take, and waits for its final answer for `timeoutMs` at most. */
export function sipPing(srf: Srf, { uri, nextHop, timeoutMs }: Ping): Promise<PingResult> {
  return new Promise((resolve) => {
    const sentAtMs = performance.now()
    let giveUp = (): void => undefined
    const timer = setTimeout(() => {
      done({ kind: 'silence' })
      giveUp()
    }, timeoutMs)
    const done = (result: PingResult): void => {
      clearTimeout(timer)
      resolve(result)
    }
    const onSent = (error: unknown, request: unknown): void => {
      if (error !== null && error !== undefined) return done({ kind: 'transport', reason: wordsOf(error) })
      if (!isRequest(request)) return done({ kind: 'transport', reason: 'the SIP server gave no request back' })
      giveUp = () => stopAsking(request)
      request.on('response', (response) => {
        if (response === undefined || response.status < 200) return
        done(judge(response, performance.now() - sentAtMs))
      })
    }
    const request = {
      method: 'OPTIONS',
      headers: { Accept: 'application/sdp' },
      ...(nextHop !== undefined && { proxy: nextHop }),
    }
    try {
      Reflect.apply(requestOf(srf), srf, [uri, request, onSent])
    } catch (error) {
      done({ kind: 'transport', reason: wordsOf(error) })
    }
  })
}

/** Our SIP server repeats it no more then; drachtio-server, which cancels nothing but INVITEs, does so for 32 s. */
function stopAsking(request: Srf.SrfRequest): void {
  try {
    request.cancel(() => undefined)
  } catch {
    // drachtio-srf throws where the connection is lost meanwhile: the request was lost with it.
  }
}

function judge(response: Srf.SrfResponse, rttMs: number): PingResult {
  // Our SIP server writes the answers that it makes itself (408, 503) without the address of a peer.
  const local = !response.source_address || Number(response.source_port) === 0
  if (local && response.status === 408) return { kind: 'silence' }
  if (local) return { kind: 'transport', reason: response.reason }
  const seconds = response.has('Retry-After') ? Number.parseInt(response.get('Retry-After'), 10) : Number.NaN
  return { kind: 'answer', status: response.status, rttMs, retryAfterS: Number.isNaN(seconds) ? null : seconds }
}

/** drachtio-srf's types know another form of `request` than its documentation and code. */
function requestOf(srf: Srf): (...args: unknown[]) => unknown {
  const request: unknown = Reflect.get(srf, 'request')
  if (!isFunction(request)) throw new Error('this drachtio-srf has no request()')
  return request
}

const isFunction = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function'

const isRequest = (value: unknown): value is Srf.SrfRequest =>
  typeof value === 'object' && value !== null && 'on' in value && typeof value.on === 'function'

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
