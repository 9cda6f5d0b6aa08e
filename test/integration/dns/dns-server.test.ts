import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { DnsServer } from '../../../app/dns/dns-server.ts'
import { respond } from '../../../lib/dns/respond.ts'
import type { ZoneNode } from '../../../lib/dns/zone.ts'
import { until } from '../../helpers/until.ts'

const ZONE = 'sip.example.net'
const SERVICE = `_sip._udp.${ZONE}`

const node = (id: string, freeCalls: number, region = 'east'): ZoneNode => ({
  ...{ id, region, freeCalls, address: '192.0.2.1', state: 'serving', servesDns: true },
  sockets: [{ transport: 'udp', port: 5060 }],
})

/** The lines that dig prints. */
async function dig(port: number, ...args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('dig', [
    '@127.0.0.1',
    '-p',
    String(port),
    '+time=2',
    '+tries=1',
    ...args,
  ])
  return stdout.split('\n').filter((line) => line !== '')
}

describe('the DNS server, asked by dig', () => {
  let server: DnsServer
  let nodes: readonly ZoneNode[]

  beforeEach(async () => {
    nodes = [node('a', 10), node('b', 70), node('w', 500, 'west')]
    server = await DnsServer.start({
      ...{ protocol: 'udp', host: '127.0.0.1', port: 0 },
      respond: (bytes, overTcp) => respond(bytes, overTcp, { zone: ZONE, self: 'a', nodes, serial: 1 }),
      onError: (error) => assert.fail(String(error)),
    })
  })
  afterEach(() => server.close())

  const counted = (): number => Object.values(server.counters).reduce((sum, count) => sum + count, 0)
  const ask = (...args: readonly string[]): Promise<readonly string[]> => dig(server.address.port, ...args)
  const sorted = [`10 70 5060 b.${ZONE}.`, `10 10 5060 a.${ZONE}.`, `20 500 5060 w.${ZONE}.`].toSorted()

  it('lists the nodes over UDP and TCP, with EDNS0 and without, in whatever case it is asked', async () => {
    for (const how of [['+noedns'], ['+edns=0', '+bufsize=4096'], ['+tcp'], ['+edns=0', '+cookie']]) {
      assert.deepEqual((await ask(...how, '+short', 'SRV', SERVICE)).toSorted(), sorted, how.join())
    }
    assert.deepEqual((await ask('+short', 'SRV', SERVICE.toUpperCase())).toSorted(), sorted)
  })

  it('says with authority what there is not, and refuses what is not its own', async () => {
    const status = async (...args: readonly string[]): Promise<string | undefined> =>
      /status: (\w+)/.exec((await ask(...args)).join('\n'))?.[1]
    assert.equal(await status('A', `nobody.${ZONE}`), 'NXDOMAIN')
    assert.equal(await status('TXT', ZONE), 'NOERROR')
    assert.equal(await status('A', 'example.com'), 'REFUSED')
    assert.equal(await status('+opcode=UPDATE', 'SOA', ZONE), 'NOTIMP')
    assert.equal(await status('+ednsneg', '+edns=7', 'SOA', ZONE), 'NOERROR')
    assert.equal(await status('+noednsnegotiation', '+edns=7', 'SOA', ZONE), 'BADVERS')
    const missing = (await ask('A', `nobody.${ZONE}`)).join('\n')
    assert.match(missing, /flags: qr aa rd;/)
    assert.match(missing, /IN\s+SOA\s+a\.sip\.example\.net\. hostmaster\.sip\.example\.net\. 1 /)
    assert.match((await ask('AXFR', ZONE)).join('\n'), /Transfer failed/)
  })

  it('tells dig by TC that there is more than a datagram holds, and dig comes by TCP', async () => {
    nodes = Array.from({ length: 16 }, (_, i) => node(i === 0 ? 'a' : `node-${i}`, i + 1))
    const whole = await ask('+noedns', 'SRV', SERVICE)
    assert.ok(whole.some((line) => line.includes('Truncated, retrying in TCP mode')))
    assert.equal(whole.filter((line) => /\sSRV\s+10 /.test(line)).length, 16)
    const cut = await ask('+noedns', '+ignore', 'SRV', SERVICE)
    assert.match(cut.join('\n'), /flags: qr aa tc rd;/)
  })

  it('leads from NAPTR to addresses, as a carrier goes', async () => {
    const [rule] = await ask('+short', 'NAPTR', ZONE)
    assert.equal(rule, `10 10 "s" "SIP+D2U" "" ${SERVICE}.`)
    assert.deepEqual(await ask('+short', 'A', `a.${ZONE}`), ['192.0.2.1'])
    assert.deepEqual(await ask('+short', 'NS', ZONE), [`a.${ZONE}.`, `b.${ZONE}.`, `w.${ZONE}.`])
  })

  it('goes on after hostile datagrams and connections, and ends those that say nothing sensible', async () => {
    const { port } = server.address
    const socket = createSocket('udp4')
    for (let i = 0; i < 50; i += 1) socket.send(Buffer.alloc(i * 20, i * 5), port, '127.0.0.1')
    const closed = [Buffer.from([0xff, 0xff, 1, 2]), Buffer.from([0, 3, 1, 2, 3]), Buffer.from([0, 0])].map(
      async (bytes) => {
        const connection = connect({ host: '127.0.0.1', port })
        connection.on('error', () => undefined)
        connection.write(bytes)
        await once(connection, 'close')
      },
    )
    await Promise.all(closed)
    await until(async () => counted() >= 52, 'the datagrams to come')
    socket.close()
    assert.deepEqual((await ask('+short', 'SRV', SERVICE)).toSorted(), sorted)
  })

  it('takes no more than a few connections of one source at a time', async () => {
    const { port } = server.address
    const connections = Array.from({ length: 20 }, () => connect({ host: '127.0.0.1', port }))
    for (const connection of connections) connection.on('error', () => undefined)
    await until(async () => server.counters.limited === 12, 'the others to be closed')
    for (const connection of connections) connection.destroy()
    await until(async () => (await ask('+tcp', '+short', 'SRV', SERVICE)).length === 3, 'room again')
  })

  it('answers a source that floods it no more than its share', async () => {
    const { port } = server.address
    const flooder = createSocket('udp4')
    flooder.bind(0, '127.0.0.9')
    await once(flooder, 'listening')
    let answers = 0
    flooder.on('message', () => {
      answers += 1
    })
    const query = Buffer.from('0001010000010000000000000373697007657861', 'hex')
    await until(async () => {
      for (let i = 0; i < 100; i += 1) flooder.send(query, port, '127.0.0.1')
      return server.counters.limited >= 300
    }, 'the flood to be limited')
    assert.deepEqual((await ask('+short', 'SRV', SERVICE)).toSorted(), sorted)
    flooder.close()
    assert.ok(answers <= 400, `${answers} answers`)
  })

  it('says which address it cannot have', async () => {
    const again = DnsServer.start({
      ...{ protocol: 'udp', host: '127.0.0.1', port: server.address.port },
      respond: () => null,
      onError: () => undefined,
    })
    await assert.rejects(again, /dns\.listen: cannot listen at 127\.0\.0\.1:\d+/)
  })
})
