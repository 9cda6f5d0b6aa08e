/** The moment so many milliseconds after another one; before it where they are negative. */
export const later = (at: Date, byMs: number): Date => new Date(at.getTime() + byMs)
