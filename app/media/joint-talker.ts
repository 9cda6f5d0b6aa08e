import { ok, type Result } from '../../lib/core/result.ts'
import { FRAME_SAMPLES, transcode, transcodingTable } from '../../lib/media/g711.ts'
import type { AgentRefusal } from './port.ts'
import type { G711, Line, Talker } from './talker.ts'

/** All that is said over a joint is one item of the line. */
const ITEM = 'joint'
/** Frames that wait for the packet clock at most: a stall that is over is dropped, so that people hear each other without delay. */
const MAX_QUEUED_SAMPLES = 3 * FRAME_SAMPLES

/** Sends a key to the far end of a leg; one that takes none gets none. */
export type Press = (digit: string) => void

/**
 * One of two talkers, each on a leg of its own, that say to their far end what the other one's far end says: what makes two legs one
 * conversation. Both legs are in the same worker, so that audio crosses no thread.
 */
export class JointTalker implements Talker {
  readonly #press: Press
  #other: JointTalker | null = null
  #line: Line | null = null
  readonly #turned = new Uint8Array(FRAME_SAMPLES)

  private constructor(press: Press) {
    this.#press = press
  }

  /** The talkers of two legs. @param first how keys are sent to the far end of the first, @param second of the second */
  static pair(first: Press, second: Press): readonly [JointTalker, JointTalker] {
    const [one, two] = [new JointTalker(first), new JointTalker(second)]
    one.#other = two
    two.#other = one
    return [one, two]
  }

  async ready(): Promise<Result<void, AgentRefusal>> {
    return ok(undefined)
  }

  attach(line: Line): void {
    this.#line = line
  }

  start(): void {}

  onAudio(frame: Uint8Array): void {
    const other = this.#other
    if (this.#line !== null && other !== null) other.#say(frame, this.#line.codec)
  }

  onDtmf(digit: string): void {
    const other = this.#other
    if (other !== null) other.#press(digit)
  }

  onPlayed(): void {}

  /** The other leg hears silence from now on. */
  async close(): Promise<null> {
    if (this.#other !== null) this.#other.#other = null
    this.#other = null
    return null
  }

  #say(frame: Uint8Array, codec: G711): void {
    const line = this.#line
    if (line === null) return
    if (line.queuedSamples() >= MAX_QUEUED_SAMPLES) line.flush()
    const table = transcodingTable(codec, line.codec)
    if (table === null) {
      line.play(ITEM, frame)
      return
    }
    this.#turned.set(frame)
    transcode(this.#turned, table)
    line.play(ITEM, this.#turned)
  }
}
