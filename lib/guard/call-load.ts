import type { TenantId, TrunkId } from '../core/ids.ts'
import { RateWindow } from './rate.ts'

/** Limits of calls; absent: none. */
export interface CallLimits {
  /** Calls a second. */
  readonly trunkCps: ReadonlyMap<TrunkId, number>
  readonly tenantCps: ReadonlyMap<TenantId, number>
}

/** Gives back what a call has taken; from the second time on nothing happens. */
export type GiveBack = () => void

/** What a call that is decided upon sees of the load; each admission is asked once a call and counts it. */
export interface CallLoadView {
  /** Calls up or being set up, now. */
  readonly trunkCalls: ReadonlyMap<TrunkId, number>
  readonly tenantCalls: ReadonlyMap<TenantId, number>
  readonly admitTrunk: (trunk: TrunkId) => boolean
  readonly admitTenant: (tenant: TenantId) => boolean
}

/** How many calls trunks and tenants have, in both directions, and how many they began lately: what limits are held against. */
export class CallLoad {
  readonly #trunks = new Counts<TrunkId>()
  readonly #tenants = new Counts<TenantId>()
  readonly #trunkRates = new Rates<TrunkId>()
  readonly #tenantRates = new Rates<TenantId>()

  /** A call that was let in. What it does not belong to is null. */
  hold(trunk: TrunkId | null, tenant: TenantId | null): GiveBack {
    const [fromTrunk, fromTenant] = [this.#trunks.take(trunk), this.#tenants.take(tenant)]
    return () => {
      fromTrunk()
      fromTenant()
    }
  }

  /** A place on a trunk for a call that goes out; null, and nothing taken, where it is at its `channels` or calls a second. */
  takeTrunk(trunk: TrunkId, channels: number | null, { trunkCps }: CallLimits, nowMs: number): GiveBack | null {
    if (channels !== null && (this.#trunks.all.get(trunk) ?? 0) >= channels) return null
    return this.#trunkRates.admit(trunk, trunkCps.get(trunk), nowMs) ? this.#trunks.take(trunk) : null
  }

  /** Rates begin anew, as their limits may be others. */
  forgetRates(): void {
    this.#trunkRates.clear()
    this.#tenantRates.clear()
  }

  view({ trunkCps, tenantCps }: CallLimits, nowMs: number): CallLoadView {
    return {
      trunkCalls: this.#trunks.all,
      tenantCalls: this.#tenants.all,
      admitTrunk: (id) => this.#trunkRates.admit(id, trunkCps.get(id), nowMs),
      admitTenant: (id) => this.#tenantRates.admit(id, tenantCps.get(id), nowMs),
    }
  }
}

/** Calls by whom they belong to; who has none is not kept. */
class Counts<Id> {
  readonly all = new Map<Id, number>()

  take(id: Id | null): GiveBack {
    if (id === null) return () => undefined
    this.#change(id, 1)
    let taken = true
    return () => {
      if (taken) this.#change(id, -1)
      taken = false
    }
  }

  #change(id: Id, by: 1 | -1): void {
    const calls = (this.all.get(id) ?? 0) + by
    if (calls === 0) this.all.delete(id)
    else this.all.set(id, calls)
  }
}

class Rates<Id> {
  readonly #windows = new Map<Id, RateWindow>()

  admit(id: Id, limit: number | undefined, nowMs: number): boolean {
    if (limit === undefined) return true
    let window = this.#windows.get(id)
    if (window === undefined) {
      window = new RateWindow(limit)
      this.#windows.set(id, window)
    }
    return window.admit(nowMs)
  }

  clear(): void {
    this.#windows.clear()
  }
}
