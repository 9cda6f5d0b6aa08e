import type { TenantId, TrunkId } from '../../lib/core/ids.ts'
import { RateWindow } from '../../lib/guard/rate.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { RouteSnapshot } from '../../lib/route/snapshot.ts'

/** How many calls trunks and tenants have, and how many they began lately: what their limits are held against. */
export class CallLoad {
  readonly #trunkCalls = new Map<TrunkId, number>()
  readonly #tenantCalls = new Map<TenantId, number>()
  readonly #trunkRates = new Map<TrunkId, RateWindow>()
  readonly #tenantRates = new Map<TenantId, RateWindow>()

  trunk(id: TrunkId | null, change: 1 | -1): void {
    count(this.#trunkCalls, id, change)
  }

  tenant(id: TenantId | null, change: 1 | -1): void {
    count(this.#tenantCalls, id, change)
  }

  /** Rates begin anew, as their limits may be others. */
  forgetRates(): void {
    this.#trunkRates.clear()
    this.#tenantRates.clear()
  }

  snapshot(
    { trunkCps, tenantCps }: Routes,
    nowMs: number,
  ): Pick<RouteSnapshot, 'trunkCalls' | 'tenantCalls' | 'admitTrunk' | 'admitTenant'> {
    return {
      trunkCalls: this.#trunkCalls,
      tenantCalls: this.#tenantCalls,
      admitTrunk: (id) => admit(this.#trunkRates, trunkCps, id, nowMs),
      admitTenant: (id) => admit(this.#tenantRates, tenantCps, id, nowMs),
    }
  }
}

function count<Id>(counts: Map<Id, number>, id: Id | null, change: 1 | -1): void {
  if (id === null) return
  const calls = (counts.get(id) ?? 0) + change
  if (calls === 0) counts.delete(id)
  else counts.set(id, calls)
}

function admit<Id>(rates: Map<Id, RateWindow>, limits: ReadonlyMap<Id, number>, id: Id, nowMs: number): boolean {
  const limit = limits.get(id)
  if (limit === undefined) return true
  let rate = rates.get(id)
  if (rate === undefined) {
    rate = new RateWindow(limit)
    rates.set(id, rate)
  }
  return rate.admit(nowMs)
}
