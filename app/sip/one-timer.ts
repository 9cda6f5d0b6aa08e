/** One timer, which is all that a scheduler needs of a machine. */
export interface OneTimer {
  /** Rings once after `afterMs`, in place of what was set before. */
  set(afterMs: number, ring: () => void): void
  clear(): void
}

/** The timer of this machine. */
export function realTimer(): OneTimer {
  let timer: NodeJS.Timeout | undefined
  return {
    set: (afterMs, ring) => {
      clearTimeout(timer)
      timer = setTimeout(ring, afterMs)
    },
    clear: () => clearTimeout(timer),
  }
}
