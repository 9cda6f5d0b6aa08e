/** What a caller waits for, as it passes the wire, in milliseconds; null where it never came. */
export interface SignalTimings {
  /** INVITE to 100 Trying. */
  readonly tryingMs: number | null
  /** INVITE to the first 18x: the post-dial delay. */
  readonly ringingMs: number | null
  /** INVITE to 200 OK. */
  readonly answeredMs: number | null
}

/** The same, and what is heard. */
export interface Timings extends SignalTimings {
  /** ACK to the first RTP packet of the far end. */
  readonly firstPacketMs: number | null
  /** ACK to the first audio of the far end that is no silence. */
  readonly firstAudioMs: number | null
}

interface SeenMessage {
  readonly atMs: number
  readonly direction: 'in' | 'out'
  readonly callId: string
  readonly message: string
}

/** Reads the timings of one call off the SIP messages as they passed the wire. */
class CallTimings {
  #inviteAtMs: number | null = null
  #tryingMs: number | null = null
  #ringingMs: number | null = null
  #answeredMs: number | null = null

  onMessage({ atMs, direction, message }: Omit<SeenMessage, 'callId'>): void {
    if (direction === 'out') {
      if (message.startsWith('INVITE ')) this.#inviteAtMs ??= atMs
      return
    }
    const status = /^SIP\/2\.0 (\d{3}) /.exec(message)?.[1]
    if (status === undefined || this.#inviteAtMs === null || !/^CSeq:\s*\d+\s+INVITE\s*$/im.test(message)) return
    const afterMs = round(atMs - this.#inviteAtMs)
    if (status === '100') this.#tryingMs ??= afterMs
    else if (status.startsWith('18')) this.#ringingMs ??= afterMs
    else if (status.startsWith('2')) this.#answeredMs ??= afterMs
  }

  read(): SignalTimings {
    return {
      tryingMs: this.#tryingMs,
      ringingMs: this.#ringingMs,
      answeredMs: this.#answeredMs,
    }
  }
}

/** The timings of all calls of a line, by the Call-IDs of what it sends. */
export class LineTimings {
  readonly #calls = new Map<string, CallTimings>()

  onMessage({ callId, ...message }: SeenMessage): void {
    let call = this.#calls.get(callId)
    if (call === undefined && message.direction === 'out' && message.message.startsWith('INVITE ')) {
      call = new CallTimings()
      this.#calls.set(callId, call)
    }
    call?.onMessage(message)
  }

  /** Of a call that is over: nothing more is kept of it. */
  take(callId: string | null): SignalTimings {
    const call = this.#calls.get(callId ?? '') ?? new CallTimings()
    this.#calls.delete(callId ?? '')
    return call.read()
  }
}

/** To a tenth of a millisecond. */
export const round = (ms: number): number => Math.round(ms * 10) / 10
