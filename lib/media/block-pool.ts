/** One block: half a second of G.711. */
export const BLOCK_BYTES = 4096
/** Free blocks that are kept, 4 MiB: what a hundred agents queue that have each just made a sentence of 5 s. */
export const MAX_FREE_BLOCKS = 1024

/**
 * Blocks of bytes for the queues of one worker. What is taken and given back thousands of times an hour is not left to
 * the garbage collector, which sees such blocks only after they have grown old. What the pool has no room for is.
 */
export class BlockPool {
  readonly #free: Uint8Array[] = []

  /** Blocks that wait to be taken. */
  get free(): number {
    return this.#free.length
  }

  /** A block with whatever its last owner left in it. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(BLOCK_BYTES)
  }

  /** Gives a block back; who gave it must not touch it any more. */
  give(block: Uint8Array): void {
    if (this.#free.length < MAX_FREE_BLOCKS) this.#free.push(block)
  }
}
