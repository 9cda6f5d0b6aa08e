import type { TrunkId } from '../core/ids.ts'

/** The calling numbers that a trunk's carrier lets us show. */
export interface CallerIds {
  /** As the config writes them. */
  readonly entries: readonly string[]
  /** @param number E.164 */
  readonly has: (number: string) => boolean
}

/** A trunk, as to whom it may show. */
export interface ShowingTrunk {
  readonly id: TrunkId
  /** Null: any number. */
  readonly callerIds: CallerIds | null
}

const MAX_DIGITS = 15
/** A refusal names this many trunks, and numbers of each. */
const MAX_NAMED = 5

/** @param entries numbers in E.164, or how they begin, with `*` at the end: `+1202555*` */
export function callerIds(entries: readonly string[]): CallerIds {
  const numbers = new Set(entries.filter((entry) => !entry.endsWith('*')))
  const prefixes = new Set(entries.filter((entry) => entry.endsWith('*')).map((entry) => entry.slice(0, -1)))
  const begins = (number: string): boolean => {
    for (let length = 2; length <= Math.min(number.length, MAX_DIGITS + 1); length++)
      if (prefixes.has(number.slice(0, length))) return true
    return false
  }
  return { entries, has: (number) => numbers.has(number) || begins(number) }
}

/** Whether a trunk may show a number. */
export const mayShow = ({ callerIds: ids }: ShowingTrunk, number: string): boolean => ids === null || ids.has(number)

/**
 * Which number each trunk shows: `wanted` where it may, else the first of `others` that it may. A trunk that may show none of them is not in the
 * answer, and is not to be tried: its carrier would refuse the call, or show the callee a number that is not ours.
 *
 * @param others asked only where a trunk may not show `wanted`
 */
export function numbersShown(
  trunks: readonly ShowingTrunk[],
  wanted: string,
  others: () => Iterable<string>,
): ReadonlyMap<TrunkId, string> {
  const shown = new Map<TrunkId, string>()
  for (const trunk of trunks) {
    const number = mayShow(trunk, wanted) ? wanted : firstOf(others(), (other) => mayShow(trunk, other))
    if (number !== undefined) shown.set(trunk.id, number)
  }
  return shown
}

/** Says who may show what: `alpha shows +1202555* and +13035550100; beta shows +1404*`. */
export function tellShown(trunks: readonly ShowingTrunk[]): string {
  const told = trunks.flatMap(({ id, callerIds: ids }) =>
    ids === null ? [] : [`${id} shows ${listOf(ids.entries, ' and ')}`],
  )
  return listOf(told, '; ')
}

function firstOf(items: Iterable<string>, fits: (item: string) => boolean): string | undefined {
  for (const item of items) if (fits(item)) return item
  return undefined
}

function listOf(items: readonly string[], separator: string): string {
  const more = items.length - MAX_NAMED
  return items.slice(0, MAX_NAMED).join(separator) + (more > 0 ? `${separator}${more} more` : '')
}
