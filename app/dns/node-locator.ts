import { dnsClient } from './dns-client.ts'
import { ServerLocator } from './server-locator.ts'

/** Between the tries of a question: all are over before the trunk is given up (`noReply`). */
const TIMEOUT_MS = 500

/** Finds servers by the DNS of this machine, as far as the sockets of a node can reach them. */
export function nodeLocator(listen: readonly { readonly protocol: string; readonly host: string }[]): ServerLocator {
  return new ServerLocator({
    client: dnsClient({ timeoutMs: TIMEOUT_MS }),
    reach: {
      transports: (['udp', 'tcp', 'tls'] as const).filter((one) => listen.some(({ protocol }) => protocol === one)),
      ipv6: listen.some(({ host }) => host.includes(':')),
    },
    nowMs: () => performance.now(),
    random: Math.random,
  })
}
