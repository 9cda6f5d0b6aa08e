import ipaddr from 'ipaddr.js'

/** A set of addresses, from plain IPv4 and IPv6 addresses and CIDR blocks. IPv4-mapped IPv6 addresses count as IPv4. */
export interface AddressSet {
  has(address: string): boolean
}

type Block = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** Builds a set; throws where an entry is neither an address nor a block (config has checked them before). */
export function addressSet(entries: readonly string[]): AddressSet {
  const single = new Set<string>()
  const blocks: Block[] = []
  for (const entry of entries) {
    if (entry.includes('/')) blocks.push(ipaddr.parseCIDR(entry))
    else single.add(ipaddr.process(entry).toNormalizedString())
  }
  return {
    has(address) {
      if (!ipaddr.isValid(address)) return false
      const parsed = ipaddr.process(address)
      if (single.has(parsed.toNormalizedString())) return true
      return blocks.some((block) => block[0].kind() === parsed.kind() && parsed.match(block))
    },
  }
}
