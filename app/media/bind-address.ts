import { createSocket } from 'node:dgram'
import type { Config } from '../../lib/config/resolve.ts'

/**
 * Where RTP listens. With the embedded SIP server that is where SIP does: behind a NAT that maps one address to one, `node.address` is
 * not ours to bind. drachtio-server has its sockets elsewhere: then it is `node.address` where that is ours, else every address.
 */
export async function rtpBindAddress({ sip, node }: Config): Promise<string> {
  if (sip.engine.kind === 'embedded') return sip.listen[0]?.host ?? node.address
  return (await isOurs(node.address)) ? node.address : node.address.includes(':') ? '::' : '0.0.0.0'
}

function isOurs(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', () => {
      resolve(false)
      socket.close()
    })
    socket.bind({ address, port: 0 }, () => socket.close(() => resolve(true)))
  })
}
