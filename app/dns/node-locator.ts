import { dnsClient } from './dns-client.ts'
import { ServerLocator } from './server-locator.ts'

/** Between the tries of a question: all are over before the trunk is given up (`noReply`). */
const TIMEOUT_MS = 500

/** Finds servers by the DNS of this machine, as far as the sockets of a node, `udp/192.0.2.1:5060`, can reach them. */
export function nodeLocator(hostports: readonly string[]): ServerLocator {
  return new ServerLocator({
    client: dnsClient({ timeoutMs: TIMEOUT_MS }),
    reach: {
      transports: (['udp', 'tcp', 'tls'] as const).filter((one) =>
        hostports.some((each) => each.startsWith(`${one}/`)),
      ),
      ipv6: hostports.some((each) => each.includes('[')),
    },
    nowMs: () => performance.now(),
    random: Math.random,
  })
}
