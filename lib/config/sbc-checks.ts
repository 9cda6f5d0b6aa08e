import { overlaps } from './addresses.ts'
import { type Complaint, conflict } from './problem.ts'
import type { ParsedConfig } from './schema.ts'

/** A request of a tenant's own SBC must show whose it is: by who sends it, or by its credentials for a host. */
export function checkSbcs({ tenants, trunks }: ParsedConfig): Complaint[] {
  return tenants.flatMap((tenant, i) => [
    ...sharedAccount(tenants, i),
    ...tenant.sources.flatMap((source, j) => {
      const clashes = ({ sources }: Pick<typeof tenant, 'sources'>): boolean =>
        sources.some((other) => overlaps(source, other))
      const trunk = trunks.find(clashes)
      const earlier = tenants.slice(0, i).find(clashes)
      const other = trunk === undefined ? earlier && `tenant "${earlier.id}"` : `trunk "${trunk.id}"`
      if (other === undefined) return []
      const message = `tenant "${tenant.id}" and ${other} both take calls from ${source.address}, and nothing tells them apart`
      return [conflict(['tenants', i, 'sources', j], message)]
    }),
  ])
}

function sharedAccount(tenants: ParsedConfig['tenants'], i: number): Complaint[] {
  const [tenant, name] = [tenants[i], tenants[i]?.credentials?.username]
  if (tenant === undefined || tenant.host === null || name === undefined) return []
  const same = tenants
    .slice(0, i)
    .find(({ host, credentials }) => host === tenant.host && credentials?.username === name)
  if (same === undefined) return []
  const message = `tenants "${same.id}" and "${tenant.id}" have the same user name for host ${tenant.host}`
  return [conflict(['tenants', i, 'credentials', 'username'], message)]
}
