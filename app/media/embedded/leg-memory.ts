import { BlockPool } from '../../../lib/media/block-pool.ts'
import { JITTER_BUFFER_BYTES } from '../../../lib/media/jitter-buffer.ts'

/** Half a second of G.711: an idle queue holds none, one that is full some six hundred. */
const PLAYOUT_BLOCK_BYTES = 4096
/** Free blocks that a worker keeps, 4 MiB: what a hundred agents queue that have each just made a sentence of 5 s. */
const MAX_FREE_PLAYOUT_BLOCKS = 1024
/** Free jitter buffers that a worker keeps, 4 MiB. */
const MAX_FREE_JITTER_BUFFERS = 256

/** What the legs of one worker take from each other: a call that ends leaves it for the next. */
export interface LegMemory {
  readonly playout: BlockPool
  readonly jitter: BlockPool
}

export const newLegMemory = (): LegMemory => ({
  playout: new BlockPool(PLAYOUT_BLOCK_BYTES, MAX_FREE_PLAYOUT_BLOCKS),
  jitter: new BlockPool(JITTER_BUFFER_BYTES, MAX_FREE_JITTER_BUFFERS),
})
