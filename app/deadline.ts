/** Resolves when `work` does, or after `ms`, whichever comes first; what `work` rejects with is passed on. */
export async function withDeadline(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What `work` resolves with; rejects with `why` where that takes longer than `ms`. What comes late goes to `onLate`. */
export async function inTime<T>(work: Promise<T>, ms: number, why: string, onLate: (late: T) => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let over = false
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      over = true
      reject(new Error(why))
    }, ms)
  })
  work.then(
    (result) => over && onLate(result),
    () => undefined,
  )
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}
