import type { ManagedKind } from './managed.ts'
import type { Config } from './resolve.ts'

/** What a config has of each kind that entries beside it may be of, by the names that these would have. */
export function managedNames({ agents, trunks, tenants }: Config): Readonly<Record<ManagedKind, ReadonlySet<string>>> {
  const owners = (kind: 'trunk' | 'tenant', all: readonly { readonly id: string; readonly credentials: unknown }[]) =>
    all.filter(({ credentials }) => credentials !== null).map(({ id }) => `${kind}.${id}`)
  return {
    agents: new Set(Object.keys(agents)),
    trunks: new Set(trunks.map(({ id }) => id)),
    tenants: new Set(tenants.map(({ id }) => id)),
    numbers: new Set(tenants.flatMap(({ numbers }) => numbers.map(({ number }) => number))),
    credentials: new Set([...owners('trunk', trunks), ...owners('tenant', tenants)]),
  }
}
