/** A change of the store's state; its fields are those of the event of the same name. */
export interface StoreChange {
  readonly event: 'store.degraded' | 'store.recovered'
  /** `postgres`: records wait in the journal. `journal`: the disk refuses. `record`: entries were set aside for good. */
  readonly part: 'postgres' | 'journal' | 'record'
  readonly reason: string
}

/** Who wants to hear of changes. */
export class Changes {
  readonly #listeners = new Set<(change: StoreChange) => void>()

  listen(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  degraded(part: StoreChange['part'], reason: string): void {
    this.#tell({ event: 'store.degraded', part, reason })
  }

  recovered(part: StoreChange['part'], reason: string): void {
    this.#tell({ event: 'store.recovered', part, reason })
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
