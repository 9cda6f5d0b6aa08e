/** A change of the store's state; its fields are those of the event of the same name. */
export interface StoreChange {
  readonly event: 'store.degraded' | 'store.recovered'
  /**
   * `postgres`: records wait in the journal. `journal`: the disk refuses. `record`: entries were set aside for good.
   * `redis`: the node works alone, from what it knew last.
   */
  readonly part: 'postgres' | 'journal' | 'record' | 'redis'
  readonly reason: string
}

/** Who wants to hear of changes, and what is degraded now. */
export class Changes {
  readonly #listeners = new Set<(change: StoreChange) => void>()
  readonly #standing = new Map<StoreChange['part'], StoreChange>()

  /** The listener is told at once of what is degraded already. */
  listen(listener: (change: StoreChange) => void): () => void {
    for (const change of this.#standing.values()) listener(change)
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  degraded(part: StoreChange['part'], reason: string): void {
    const change: StoreChange = { event: 'store.degraded', part, reason }
    this.#standing.set(part, change)
    this.#tell(change)
  }

  /** Nothing, where that part was not degraded. */
  recovered(part: StoreChange['part'], reason: string): void {
    if (this.#standing.delete(part)) this.#tell({ event: 'store.recovered', part, reason })
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
