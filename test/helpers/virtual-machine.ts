import type { Host } from '../../app/sip/host.ts'
import type { OneTimer } from '../../app/sip/one-timer.ts'
import type { Remote, SendDone, Transport, TransportProtocol } from '../../app/sip/transport/transport.ts'
import { TransportSet } from '../../app/sip/transport/transport-set.ts'
import { ok } from '../../lib/core/result.ts'
import type { Prng } from '../fuzz/prng.ts'

/** A message that the server has sent. */
export interface Sent {
  readonly bytes: Buffer
  readonly remote: Remote
}

/** Names that have an address; all others have none. */
const NAMED_ADDRESS = '198.51.100.1'

/** A machine without sockets and clock: time passes when it is told, what is sent is kept, and names are looked up in itself. */
export class VirtualMachine {
  readonly host: Host
  readonly sent: Sent[] = []
  /** Decides what is random. */
  prng: Prng
  readonly #failing: number
  #nowMs = 0
  #ring: (() => void) | undefined
  #atMs = Number.POSITIVE_INFINITY
  #late: (() => void)[] = []

  /** @param failing one send in so many fails */
  constructor(prng: Prng, failing = Number.POSITIVE_INFINITY) {
    this.prng = prng
    this.#failing = failing
    this.host = {
      nowMs: () => this.#nowMs,
      makeTimer: () => this.#timer(),
      fillRandom: (bytes) => this.prng.fill(bytes),
      findAddress: (name, found) => {
        const address = name.endsWith('.com') ? NAMED_ADDRESS : undefined
        this.#late.push(() => found(address))
      },
      listen: (addresses) =>
        Promise.resolve(
          ok(new TransportSet(addresses.map(({ protocol, host, port }) => this.#open(protocol, host, port)))),
        ),
    }
  }

  /** Does what happens by itself after a while. True where there was anything. */
  runLate(): boolean {
    const late = this.#late
    this.#late = []
    for (const one of late) one()
    return late.length > 0
  }

  /** Lets time pass; `between` runs after each moment at which something rang. */
  async advance(ms: number, between: () => Promise<void>): Promise<void> {
    const untilMs = this.#nowMs + ms
    while (this.#atMs <= untilMs) {
      this.#nowMs = Math.max(this.#nowMs, this.#atMs)
      this.#atMs = Number.POSITIVE_INFINITY
      this.#ring?.()
      await between()
    }
    this.#nowMs = untilMs
  }

  #timer(): OneTimer {
    return {
      set: (afterMs, ring) => {
        this.#atMs = this.#nowMs + afterMs
        this.#ring = ring
      },
      clear: () => {
        this.#atMs = Number.POSITIVE_INFINITY
      },
    }
  }

  #open(protocol: TransportProtocol, host: string, port: number): Transport {
    return {
      protocol,
      local: { host, port },
      send: (bytes, remote, done) => this.#send(bytes, remote, done),
      close: () => Promise.resolve(),
    }
  }

  #send(bytes: Buffer, remote: Remote, done: SendDone): void {
    const error = this.prng.oneIn(this.#failing) ? ({ code: 'unreachable', message: 'fuzz' } as const) : undefined
    if (error === undefined) this.sent.push({ bytes, remote })
    if (this.prng.oneIn(4)) done(error)
    else this.#late.push(() => done(error))
  }
}
