/** What a caller waits for, in milliseconds; null where it never came. */
export interface Timings {
  /** INVITE to 100 Trying. */
  readonly tryingMs: number | null
  /** INVITE to the first 18x: the post-dial delay. */
  readonly ringingMs: number | null
  /** INVITE to 200 OK. */
  readonly answeredMs: number | null
  /** ACK to the first RTP packet of the far end. */
  readonly firstPacketMs: number | null
  /** ACK to the first audio of the far end that is no silence. */
  readonly firstAudioMs: number | null
}

interface SeenMessage {
  readonly atMs: number
  readonly direction: 'in' | 'out'
  readonly message: string
}

/** Reads the timings of one call off the SIP messages as they passed the wire. */
export class CallTimings {
  firstPacketMs: number | null = null
  firstAudioMs: number | null = null
  #inviteAtMs: number | null = null
  #tryingMs: number | null = null
  #ringingMs: number | null = null
  #answeredMs: number | null = null

  onMessage({ atMs, direction, message }: SeenMessage): void {
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

  read(): Timings {
    return {
      tryingMs: this.#tryingMs,
      ringingMs: this.#ringingMs,
      answeredMs: this.#answeredMs,
      firstPacketMs: this.firstPacketMs === null ? null : round(this.firstPacketMs),
      firstAudioMs: this.firstAudioMs === null ? null : round(this.firstAudioMs),
    }
  }
}

const round = (ms: number): number => Math.round(ms * 10) / 10
