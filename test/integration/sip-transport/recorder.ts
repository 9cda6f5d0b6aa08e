import type {
  Arrival,
  Remote,
  Standing,
  TransportError,
  TransportHandler,
} from '../../../app/sip/transport/transport.ts'

/** What arrived at a transport, with its text. */
export interface Received {
  readonly text: string
  readonly arrival: Arrival
}

/** A handler that keeps what comes and lets a test wait for it. */
export class Recorder implements TransportHandler {
  readonly troubles: [error: TransportError, remote: Remote | undefined][] = []
  readonly #received: Received[] = []
  readonly #waiting: ((received: Received) => void)[] = []

  /** What every peer is. */
  standing: Standing = 'known'

  standingOf(): Standing {
    return this.standing
  }

  onMessage(bytes: Buffer, arrival: Arrival): void {
    const received = { text: bytes.toString('latin1'), arrival }
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#received.push(received)
    else waiting(received)
  }

  onTrouble(error: TransportError, remote: Remote | undefined): void {
    this.troubles.push([error, remote])
  }

  /** The next message, or the one that came already. */
  next(): Promise<Received> {
    const received = this.#received.shift()
    return received === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(received)
  }

  /** Messages that came and were not taken. */
  get pending(): number {
    return this.#received.length
  }
}
