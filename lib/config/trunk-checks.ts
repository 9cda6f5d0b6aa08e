import { overlaps } from './addresses.ts'
import { type Complaint, conflict } from './problem.ts'
import type { ParsedConfig } from './schema.ts'

type ParsedTrunk = ParsedConfig['trunks'][number]

/** Keys of one trunk that cannot all be so. */
export function checkTrunks(trunk: ParsedTrunk, index: number): Complaint[] {
  const at = ['trunks', index]
  const complaints: Complaint[] = []
  if (trunk.sources.length === 0 && trunk.targets.length === 0) {
    complaints.push(conflict(at, `trunk "${trunk.id}" has neither sources nor targets: no call could come or go`))
  }
  if (trunk.onDegraded === 'redirect' && trunk.follows3xx === false) {
    complaints.push(
      conflict(
        [...at, 'onDegraded'],
        'redirect needs a carrier that follows 302, and follows3xx says that it does not',
      ),
    )
  }
  if (trunk.probe.timeoutMs >= trunk.probe.intervalMs) {
    complaints.push(conflict([...at, 'probe', 'timeout'], 'must be shorter than probe.interval'))
  }
  if (trunk.probe.holdDownMs > trunk.probe.holdDownMaxMs) {
    complaints.push(conflict([...at, 'probe', 'holdDown'], 'is longer than probe.holdDownMax'))
  }
  if (trunk.probe.retryAfterMinMs > trunk.probe.retryAfterMaxMs) {
    complaints.push(conflict([...at, 'probe', 'retryAfterMin'], 'is longer than probe.retryAfterMax'))
  }
  if (trunk.noReplyMs >= trunk.huntBudgetMs) {
    complaints.push(
      conflict([...at, 'noReply'], 'must be shorter than huntBudget, or there is no time for a second trunk'),
    )
  }
  if (trunk.media.bad > trunk.media.calls) {
    complaints.push(conflict([...at, 'media', 'bad'], 'is greater than media.calls, so it can never be reached'))
  }
  return complaints
}

/** A transport that targets ask for and no socket of ours speaks. */
export function checkTransports({ sip, trunks }: ParsedConfig): Complaint[] {
  if (sip.engine.kind !== 'embedded') return []
  return trunks.flatMap((trunk, i) =>
    trunk.targets.flatMap(({ uri }, j) => {
      const wanted = uri.transport ?? trunk.transport
      if (wanted === null || sip.listen.some(({ protocol }) => protocol === wanted)) return []
      const message = `is reached over ${wanted}, and no socket of sip.listen speaks that: add "${wanted}:HOST:PORT"`
      return [conflict(['trunks', i, 'targets', j], message)]
    }),
  )
}

/** Two trunks may share a source only where port, transport, request-URI host or number tells them apart. */
export function checkSources(config: ParsedConfig): Complaint[] {
  const { trunks } = config
  return trunks.flatMap((trunk, j) =>
    trunks.slice(0, j).flatMap((earlier, i) => {
      const clash = trunk.sources.findIndex((source) => earlier.sources.some((other) => overlaps(source, other)))
      if (clash < 0 || trunk.id === earlier.id || toldApartByNumber(config, trunk, earlier)) return []
      const address = trunk.sources[clash]?.address ?? ''
      const message =
        `trunks "${earlier.id}" (trunks[${i}]) and "${trunk.id}" (trunks[${j}]) both take calls from ${address}, and neither port, ` +
        'transport, request-URI host nor number tells them apart'
      return [conflict(['trunks', j, 'sources', clash], message)]
    }),
  )
}

/** True where each of the two has numbers of its own and no number could arrive on both. */
function toldApartByNumber(config: ParsedConfig, a: ParsedTrunk, b: ParsedTrunk): boolean {
  const [left, right] = [numbersOf(config, a.id), numbersOf(config, b.id)]
  return left.size > 0 && right.size > 0 && ![...left].some((number) => right.has(number))
}

/** The numbers whose calls may come in on a trunk: those that live on it, or on any trunk of its groups. */
function numbersOf({ tenants, groups }: ParsedConfig, id: ParsedTrunk['id']): ReadonlySet<string> {
  const own = tenants.flatMap((tenant) =>
    tenant.numbers.filter(
      ({ trunk }) => trunk === id || (trunk === null && (groups[tenant.group]?.trunks ?? []).includes(id)),
    ),
  )
  return new Set(own.map(({ number }) => number))
}
