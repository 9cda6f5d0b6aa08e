import { isIP, type Socket } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
} from 'node:tls'
import { namesDomain } from '../../../lib/sip/domain-certificate.ts'
import type { Dial, StreamKind } from './stream-kind.ts'

/** Certificates and keys, as PEM text. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  /** The authorities whose word counts; null: those that Node.js ships. */
  readonly ca: string | null
  /** Whether those who connect must show a certificate of these authorities. */
  readonly verifyClient: boolean
  /** Further certificates, shown to those who ask for one of these names (SNI, RFC 6066 §3). */
  readonly hosts: readonly { readonly names: readonly string[]; readonly cert: string; readonly key: string }[]
}

/** How long a handshake may take: a peer that connects and says nothing holds a socket no longer. */
const HANDSHAKE_MS = 10_000

/**
 * SIP over TLS (RFC 3261 §26.2, RFC 5922). Whom we connect to has to prove the name it was looked up by; whom we let in is known by
 * its address, and by its certificate too where that is asked for.
 */
export class Tls implements StreamKind {
  readonly protocol = 'tls'
  readonly provesNames = true
  readonly opened = 'secureConnect'
  readonly #server: Server
  /** Handshakes under way, by the peer's address. */
  readonly #handshakes = new Map<string, { ready: (socket: Socket) => void; failed: (cause: Error) => void }>()
  #own: SecureContext
  #byName: ReadonlyMap<string, SecureContext>

  /** Throws where a certificate, a key or an authority cannot be used. */
  constructor(material: TlsMaterial) {
    this.#own = contextOf(material, material.ca)
    this.#byName = contextsByName(material)
    this.#server = createServer({
      ...serverOptions(material),
      requestCert: material.verifyClient,
      rejectUnauthorized: material.verifyClient,
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback: (name, done) => done(null, this.#byName.get(name.toLowerCase())),
    })
    this.#server.on('secureConnection', (socket) => this.#taken(socket)?.ready(socket))
    this.#server.on('tlsClientError', (cause, socket) => this.#taken(socket)?.failed(cause))
  }

  /** From now on handshakes show these; connections that are open stay. Throws, and changes nothing, where they cannot be used. */
  renew(material: TlsMaterial): void {
    const [own, byName] = [contextOf(material, material.ca), contextsByName(material)]
    this.#server.setSecureContext(serverOptions(material))
    this.#own = own
    this.#byName = byName
  }

  dial({ host, port, localAddress, serverName }: Dial): Socket {
    const socket = connect({
      host,
      port,
      ...(localAddress !== undefined && { localAddress }),
      // SNI takes names alone (RFC 6066 §3).
      ...(isIP(serverName) === 0 && { servername: serverName }),
      secureContext: this.#own,
      checkServerIdentity: (_host, certificate) =>
        namesDomain(certificate.subjectaltname ?? '', serverName)
          ? undefined
          : checkServerIdentity(serverName, certificate),
    })
    return socket.setNoDelay(true)
  }

  admit(raw: Socket, ready: (socket: Socket) => void, failed: (cause: Error) => void): void {
    const key = keyOf(raw)
    this.#handshakes.set(key, { ready, failed })
    raw.once('close', () => {
      // Also where the certificate of the other side did not hold: then Node.js says no more than that the socket is gone.
      if (this.#handshakes.delete(key)) failed(new Error('closed before the handshake was complete'))
    })
    this.#server.emit('connection', raw)
  }

  #taken(socket: Socket) {
    const key = keyOf(socket)
    const handshake = this.#handshakes.get(key)
    this.#handshakes.delete(key)
    return handshake
  }
}

/** What is wrong with certificates and keys, in the words of OpenSSL; null: they can be used. */
export function tlsFault({ cert, key, ca, hosts }: TlsMaterial): string | null {
  const parts = [{ what: '', cert, key }, ...hosts.map((host) => ({ ...host, what: `${host.names.join(', ')}: ` }))]
  for (const part of parts) {
    try {
      contextOf(part, ca)
    } catch (cause) {
      return `${part.what}${cause instanceof Error ? cause.message : String(cause)}`
    }
  }
  return null
}

const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

const serverOptions = ({ cert, key, ca }: TlsMaterial) => ({ cert, key, ...(ca !== null && { ca }) })

const contextOf = ({ cert, key }: { cert: string; key: string }, ca: string | null): SecureContext =>
  createSecureContext({ cert, key, ...(ca !== null && { ca }) })

const contextsByName = ({ hosts, ca }: TlsMaterial): ReadonlyMap<string, SecureContext> =>
  new Map(
    hosts.flatMap((host) => {
      const context = contextOf(host, ca)
      return host.names.map((name) => [name.toLowerCase(), context] as const)
    }),
  )
