/** The part of drachtio-fsmrf that we use; it ships without types. Promises reject with Error, or with the SIP answer in `res`. */
declare module 'drachtio-fsmrf' {
  import type { EventEmitter } from 'node:events'
  import type { Server, Socket } from 'node:net'
  import type Srf from 'drachtio-srf'

  export interface MrfOptions {
    readonly address: string
    readonly port: number
    readonly secret: string
    readonly listenAddress: string
    readonly listenPort: number
  }

  /** A channel of FreeSWITCH: `dtmf` with `{dtmf, duration}` in samples, `destroy` when it is gone. */
  export interface Endpoint extends EventEmitter {
    readonly uuid: string
    readonly dialog: Srf.Dialog | null
    readonly connected: boolean
  }

  /** A server, connected. */
  export interface MediaServer extends EventEmitter {
    /** Of drachtio-modesl; `closing` keeps it from connecting again by itself. */
    readonly conn: { closing?: boolean; readonly socket: Socket | null; removeAllListeners(event: string): void }
    /** Where FreeSWITCH connects for each channel. */
    readonly _server: { readonly server: Server }
    createEndpoint(options: { readonly remoteSdp: string }): Promise<Endpoint>
    disconnect(): void
  }

  export default class Mrf {
    /** Of the Srf only this is used. */
    constructor(srf: { createUAC(uri: string, options: Srf.CreateUACOptions): Promise<Srf.Dialog> })
    connect(options: MrfOptions): Promise<MediaServer>
  }
}
