import type { Server } from 'node:net'
import drachtioSrf from 'drachtio-srf'

/** What these tests use of drachtio-srf, typed as it behaves: its own declarations miss callbacks and promises. */

export interface SrfMessage {
  readonly body: string
  get(name: string): string
  has(name: string): boolean
  getParsedHeader(name: 'cseq'): { readonly seq: number }
}

export interface SrfRequest extends SrfMessage {
  readonly method: string
  readonly uri: string
  readonly source: string
  readonly source_address: string
  readonly source_port: number
  readonly protocol: string
  readonly stackTime: string
  readonly receivedOn: string
  readonly server: { readonly hostport: string }
  on(event: 'cancel', listener: () => void): void
  on(event: 'response', listener: (res: SrfReceived) => void): void
  cancel(done?: (err: unknown) => void): void
  proxy(options: SrfProxyOptions): Promise<SrfProxyResult>
}

export interface SrfProxyOptions {
  readonly destination: string | string[]
  readonly remainInDialog?: boolean
  readonly followRedirects?: boolean
  readonly forking?: 'simultaneous' | 'sequential'
  readonly provisionalTimeout?: string
  readonly finalTimeout?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface SrfProxyResult {
  readonly connected: boolean
  readonly finalStatus?: number
  readonly responses: readonly {
    readonly address: string
    readonly port: number
    readonly msgs: readonly { readonly status: number }[]
  }[]
}

export interface SrfReceived extends SrfMessage {
  readonly status: number
  readonly reason: string
  readonly source_address: string
}

export interface SrfResponse {
  send(status: number, options?: SrfOptions, callback?: (err: unknown, sent: SrfMessage) => void): void
}

export interface SrfOptions {
  readonly method?: 'INVITE' | 'SUBSCRIBE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly localSdp?: string
  readonly localSdpB?: string
  readonly callingNumber?: string
  readonly callingName?: string
  readonly auth?: { readonly username: string; readonly password: string }
  readonly noAck?: boolean
  readonly proxy?: string
  readonly stackDialogId?: string
}

export interface SrfProgress {
  readonly cbRequest?: (err: unknown, req: SrfRequest) => void
  readonly cbProvisional?: (res: SrfReceived) => void
}

export interface SrfDialog {
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string }
  readonly local: { readonly sdp: string }
  readonly remote: { readonly sdp: string }
  on(event: string, listener: (req: SrfRequest, res: SrfResponse) => void): void
  once(event: string, listener: (req: SrfRequest, res: SrfResponse) => void): void
  destroy(): Promise<unknown>
  modify(sdp: string): Promise<string>
  request(options: Omit<SrfOptions, 'method'> & { readonly method: string }): Promise<SrfReceived>
}

/** A failed createUAC: the final response's status. */
export interface SrfError extends Error {
  readonly status: number
  readonly res?: SrfReceived
}

type Handler = (req: SrfRequest, res: SrfResponse) => void

export interface SrfApp {
  connect(options: {
    readonly host: string
    readonly port: number
    readonly secret: string
    readonly tags?: readonly string[]
    readonly tls?: { readonly ca?: string }
    readonly reconnect?: { readonly maxAttempts: number }
  }): void
  /** Takes connections of SIP servers. */
  listen(options: {
    readonly host: string
    readonly port: number
    readonly tls?: { readonly key: string; readonly cert: string }
    readonly secret: string
  }): Server
  endSession(req: SrfRequest): void
  unregisterForMessages(verb: string): void
  reregisterForMessages(verb: string): void
  disconnect(): void
  on(event: string, listener: (...args: string[]) => void): void
  once(event: string, listener: (...args: unknown[]) => void): void
  invite(handler: Handler): void
  options(handler: Handler): void
  use(method: string, handler: Handler): void
  message(handler: Handler): void
  register(handler: Handler): void
  subscribe(handler: Handler): void
  notify(handler: Handler): void
  createUAS(req: SrfRequest, res: SrfResponse, options: SrfOptions): Promise<SrfDialog>
  createUAC(uri: string, options: SrfOptions, progress?: SrfProgress): Promise<SrfDialog>
  createB2BUA(
    req: SrfRequest,
    res: SrfResponse,
    uri: string,
    options: SrfOptions,
  ): Promise<{ readonly uas: SrfDialog; readonly uac: SrfDialog }>
  request(uri: string, options: Omit<SrfOptions, 'method'> & { readonly method: string }): Promise<SrfRequest>
}

/** A new drachtio-srf. */
export function newSrf(): SrfApp {
  const Srf = drachtioSrf as unknown as new () => SrfApp
  return new Srf()
}
