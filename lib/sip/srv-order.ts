/**
 * SRV records, or what is configured in their words, in the order in which they are tried: priorities ascending, within one by
 * weight at random (RFC 2782).
 *
 * @param random 0 ≤ random < 1, asked once a target
 */
export function orderByPriority<T extends { readonly priority: number; readonly weight: number }>(
  targets: readonly T[],
  random: () => number,
): readonly T[] {
  const left = [...targets].sort((a, b) => a.priority - b.priority || a.weight - b.weight)
  const ordered: T[] = []
  while (left[0] !== undefined) {
    const { priority } = left[0]
    const peers = left.filter((target) => target.priority === priority)
    const chosen = pickByWeight(peers, random())
    ordered.push(chosen ?? left[0])
    left.splice(left.indexOf(chosen ?? left[0]), 1)
  }
  return ordered
}

/** RFC 2782 "Usage rules": a running sum, those of weight 0 in front with a small chance. */
function pickByWeight<T extends { readonly weight: number }>(peers: readonly T[], random: number): T | undefined {
  const total = peers.reduce((sum, { weight }) => sum + weight, 0)
  const at = Math.floor(random * (total + 1))
  let sum = 0
  return peers.find(({ weight }) => {
    sum += weight
    return sum >= at
  })
}
