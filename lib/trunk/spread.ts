/**
 * Smooth weighted round robin: of 5 calls over weights 3 and 2 the order is a b a b a, never a a a b b. JSON; ids that
 * no longer take part are dropped.
 */
export type Spread = Readonly<Record<string, number>>

export interface Weighted {
  readonly id: string
  /** 0 or more; all 0 counts as all 1. */
  readonly weight: number
}

export const NO_SPREAD: Spread = {}

/** The next in turn, and the state after it; undefined of none. */
export function nextInTurn<T extends Weighted>(
  spread: Spread,
  of: readonly T[],
): { chosen: T; spread: Spread } | undefined {
  const total = of.reduce((sum, { weight }) => sum + weight, 0)
  const share = ({ weight }: Weighted): number => (total === 0 ? 1 : weight)
  const credit = new Map(of.map((one) => [one.id, (spread[one.id] ?? 0) + share(one)]))
  const creditOf = ({ id }: Weighted): number => credit.get(id) ?? 0
  const eligible = of.filter((one) => share(one) > 0)
  const [first, ...others] = eligible
  if (first === undefined) return undefined
  const chosen = others.reduce((best, one) => (creditOf(one) > creditOf(best) ? one : best), first)
  credit.set(chosen.id, creditOf(chosen) - (total === 0 ? of.length : total))
  return { chosen, spread: Object.fromEntries(credit) }
}
