import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { endedCalls } from '../helpers/api-call.ts'
import { tandem } from '../helpers/run.ts'
import { configured, ScriptedRealtime } from '../helpers/scripted-realtime.ts'
import { framesOf } from '../helpers/stereo-wav.ts'
import { KEY, NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

const SECRET = 'a secret of the tenant'
const TONE = Buffer.alloc(160)
  .fill(Buffer.from([0x00, 0x80]))
  .toString('base64')

/** 20 ms each. */
const SPOKEN_FRAMES = 40

const functionCall = (name: string, args: object): object => ({
  ...{ type: 'function_call', status: 'completed', name, call_id: `call-${name}` },
  arguments: JSON.stringify(args),
})

/** What a model does by turns. It speaks in the second one, while the recording is paused, and in the last one. */
const TURNS: readonly (readonly object[])[] = [
  [
    functionCall('send_dtmf', { digits: '42#' }),
    functionCall('set_variable', { name: 'order', value: 'A7' }),
    functionCall('lookup', { id: 7 }),
    functionCall('pause_recording', {}),
  ],
  [functionCall('book', { id: 'seven' })],
  [functionCall('resume_recording', {})],
  [functionCall('hang_up', {})],
]

describe('the tools of an agent, in a call', () => {
  let model: ScriptedRealtime
  let tool: Server
  let node: TandemProcess
  const requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []

  before(async function () {
    this.timeout(60_000)
    let turn = 0
    model = await ScriptedRealtime.start(
      configured((event, socket) => {
        if (event.type !== 'response.create') return
        const { metadata } = Object.assign({ metadata: null }, event.response)
        const now = turn++
        const id = `r${now}`
        const say = (frame: object): void => socket.send(JSON.stringify(frame))
        const answer = (): void => {
          say({ type: 'response.created', response: { id, metadata } })
          if (now % 2 === 1) {
            const audio = { response_id: id, item_id: `spoken${now}`, content_index: 0 }
            for (let i = 0; i < SPOKEN_FRAMES; i++) say({ type: 'response.output_audio.delta', ...audio, delta: TONE })
            say({ type: 'response.output_audio.done', ...audio })
          }
          const output = TURNS[now] ?? []
          say({ type: 'response.done', response: { id, status: 'completed', output, usage: { total_tokens: 1 } } })
        }
        // It thinks until what it said has been heard.
        if (now === 2) setTimeout(answer, SPOKEN_FRAMES * 20 + 200)
        else answer()
      }),
    )
    tool = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        requests.push({ headers: request.headers, body })
        if (requests.length === 1) response.writeHead(503).end()
        else response.end('{"patient":"Zoe"}')
      })
    }).listen(0, '127.0.0.1')
    await once(tool, 'listening')
    const address = tool.address()
    assert.ok(typeof address === 'object' && address !== null)
    const parameters = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }
    const http = { url: `http://127.0.0.1:${address.port}/`, parameters, secret: SECRET, retries: 1 }
    const backend = { backend: 'custom', url: `${model.baseUrl}/realtime`, apiKey: 'k', probe: 'none' }
    const tools = ['lookup', 'book'].map((name) => ({ name, ...http }))
    node = await TandemProcess.start({
      config: {
        agents: { intake: { ...backend, greeting: 'Hello.', tools } },
        tenants: [{ id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake', recording: { enabled: true } }],
      },
    })
  })

  after(async function () {
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
    await model.close()
    tool.close()
    tool.closeAllConnections()
  })

  it('press keys, keep facts, are signed and tried again, refuse what does not fit, and leave a gap in the recording', async function () {
    this.timeout(40_000)
    const placed = await tandem(['call', `sip:${NUMBER}@${node.address}:5060`, '--seconds', '15'])
    assert.equal(placed.code, 0, placed.stderr)
    const keys = [...`${placed.stdout}${placed.stderr}`.matchAll(/DTMF (\S)/g)].map(([, key]) => key)
    assert.deepEqual(keys, ['4', '2', '#'])

    const [call] = await endedCalls(node, 1)
    assert.equal(call?.end?.by, 'agent')
    const told = call.transcript.flatMap(({ who, text }) => (who === 'tool' ? [text] : []))
    assert.deepEqual(told.sort(), [
      'book: {"error":"the tool was not called, as its arguments are wrong: /id must be integer"}',
      'hang_up: {"ok":true}',
      'lookup: {"patient":"Zoe"}',
      'pause_recording: {"ok":true,"recording":false}',
      'resume_recording: {"ok":true,"recording":true}',
      'send_dtmf: {"ok":true}',
      'set_variable: {"ok":true,"name":"order","value":"A7"}',
    ])

    assert.equal(requests.length, 2)
    const [first, second] = requests
    assert.equal(first?.headers['idempotency-key'], second?.headers['idempotency-key'])
    assert.match(String(first?.headers['idempotency-key']), new RegExp(`^${call.id}-`))
    const body: unknown = JSON.parse(second?.body ?? '')
    const facts = { called: NUMBER, order: 'A7' }
    assert.deepEqual(body, { arguments: { id: 7 }, call: { ...Object.assign({ call: {} }, body).call, ...facts } })
    assert.ok(second !== undefined)
    const { headers } = second
    const signed = [headers['webhook-id'], headers['webhook-timestamp'], second.body].join('.')
    const want = createHmac('sha256', SECRET).update(signed).digest('base64')
    assert.equal(headers['webhook-signature'], `v1,${want}`)

    const session = await node.api<{ readonly variables: object }>(`/api/v1/sessions/${call.session.id}`)
    assert.equal(Object.assign({ order: '' }, session.variables).order, 'A7')
    const wav = await fetch(`${node.url}/api/v1/calls/${call.id}/recording`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
    const { right } = framesOf(Buffer.from(await wav.arrayBuffer()))
    const heardAt = right.indexOf(true)
    assert.ok(heardAt >= SPOKEN_FRAMES, `the agent is heard after ${heardAt} frames, while the recording was paused`)
    assert.ok(right.filter(Boolean).length >= SPOKEN_FRAMES / 2, 'what was said after the pause is not in it')
    assert.match(node.output, /"pausedMs":[1-9].*recording\.saved/)
  })
})
