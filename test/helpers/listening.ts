import { readFile } from 'node:fs/promises'

/** Whether someone listens there: the kernel is asked, as a request would be a call to who is tested (Linux, IPv4). */
export async function isListening(address: string, port: number, protocol: 'udp' | 'tcp' = 'udp'): Promise<boolean> {
  const host = Buffer.from(address.split('.').map(Number).reverse()).toString('hex').toUpperCase()
  const table = await readFile(`/proc/net/${protocol}`, 'utf8')
  return table.includes(` ${host}:${port.toString(16).toUpperCase().padStart(4, '0')} `)
}
