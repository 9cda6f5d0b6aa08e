/**
 * Blocks of bytes that the legs of one worker share. What is taken and given back thousands of times an hour is not left to
 * the garbage collector, which sees such blocks only after they have grown old. What the pool has no room for is.
 */
export class BlockPool {
  /** Length of every block. */
  readonly blockBytes: number
  readonly #maxFree: number
  readonly #free: Uint8Array[] = []

  /** @param maxFree free blocks that are kept */
  constructor(blockBytes: number, maxFree: number) {
    this.blockBytes = blockBytes
    this.#maxFree = maxFree
  }

  /** Blocks that wait to be taken. */
  get free(): number {
    return this.#free.length
  }

  /** A block with whatever its last owner left in it. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.blockBytes)
  }

  /** Gives a block back; who gave it must not touch it any more. */
  give(block: Uint8Array): void {
    if (this.#free.length < this.#maxFree) this.#free.push(block)
  }
}
