import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { BaresipCallee } from '../helpers/baresip-callee.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { configured, ScriptedRealtime } from '../helpers/scripted-realtime.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const PERSON = '+12025550150'
const BLIND = '+12025550101'
const ATTENDED = '+12025550102'
/** A frame that is as loud as G.711 gets, both ways. */
const LOUD = Buffer.alloc(160).fill(Buffer.from([0x00, 0x80]))
/** What the agent says once it has the caller again. */
const SPOKEN_FRAMES = 50

const functionCall = (name: string, args: object): object => ({
  ...{ type: 'function_call', status: 'completed', name, call_id: `call-${name}` },
  arguments: JSON.stringify(args),
})

/** Which part a socket plays, by the tools it was given. */
type Part = 'caller' | 'briefing'

describe('a call that its agent hands to a person', function () {
  this.timeout(60_000)
  const parts = new Map<WebSocket, Part>()
  const asked = new Map<WebSocket, number>()
  let model: ScriptedRealtime
  let refusing: Carrier
  let person: BaresipCallee
  let node: TandemProcess
  let caller: RawCaller

  before(async () => {
    const [alpha, beta] = [loopbackAddress(), loopbackAddress()]
    model = await ScriptedRealtime.start((event, socket, server) => {
      if (event.type === 'session.update') {
        parts.set(socket, JSON.stringify(event).includes('"accept_call"') ? 'briefing' : 'caller')
      }
      configured((request) => {
        if (request.type === 'response.create') reply(socket, Object.assign({ metadata: null }, request.response))
      })(event, socket, server)
    })
    ;[refusing, person] = await Promise.all([
      Carrier.start({ scenario: 'uas-refuses', address: alpha }),
      BaresipCallee.start(PERSON, beta),
    ])
    const backend = { backend: 'custom', url: `${model.baseUrl}/realtime`, apiKey: 'k', probe: 'none' }
    const agentTo = (attended: boolean) => ({
      ...{ ...backend, greeting: 'Hello.' },
      transfers: { nurse: { to: PERSON, description: 'Symptoms.', attended } },
    })
    const probe = { enabled: false }
    node = await TandemProcess.start({
      config: {
        agents: { blind: agentTo(false), attended: agentTo(true) },
        trunks: [
          { id: 'local', sources: ['127.0.0.1'] },
          { id: 'alpha', targets: [{ uri: `sip:${alpha}:5080` }], probe },
          { id: 'beta', targets: [{ uri: `sip:${beta}:5080` }], probe },
        ],
        groups: { us: { trunks: ['alpha', 'beta'] } },
        tenants: [
          { id: 'clinic', group: 'us', numbers: [BLIND], agent: 'blind' },
          { id: 'ward', group: 'us', numbers: [ATTENDED], agent: 'attended' },
        ],
      },
    })
  })

  after(async () => {
    assert.equal(await node.stop(), 0)
    await refusing.stop()
    await model.close()
  })

  beforeEach(async () => {
    caller = await RawCaller.open(node.address)
  })

  afterEach(() => caller.close())

  /** What the model does, each time that it is asked. */
  function reply(socket: WebSocket, { metadata }: { readonly metadata: unknown }): void {
    const nth = asked.get(socket) ?? 0
    asked.set(socket, nth + 1)
    const id = `r${nth}`
    const say = (frame: object): void => socket.send(JSON.stringify(frame))
    const isBriefing = parts.get(socket) === 'briefing'
    const output = isBriefing
      ? [functionCall('decline_call', { reason: 'in theatre' })]
      : nth === 0
        ? [functionCall('transfer_call', { to: 'nurse' })]
        : []
    say({ type: 'response.created', response: { id, metadata } })
    if (output.length === 0) {
      const audio = { response_id: id, item_id: `spoken-${id}`, content_index: 0 }
      for (let i = 0; i < SPOKEN_FRAMES; i++) {
        say({ type: 'response.output_audio.delta', ...audio, delta: LOUD.toString('base64') })
      }
      say({ type: 'response.output_audio.done', ...audio })
    }
    say({ type: 'response.done', response: { id, status: 'completed', output, usage: { total_tokens: 1 } } })
  }

  const heardOf = (part: Part, what: string): boolean =>
    [...parts].some(([socket, of]) => of === part && socket.readyState === socket.OPEN) &&
    model.received.some((event) => JSON.stringify(event).includes(what))

  async function record(number: string): Promise<ApiCall> {
    let ended: ApiCall | undefined
    await until(async () => {
      ended = (await allCalls(node)).find(({ to, state }) => to === number && state === 'ended')
      return ended !== undefined
    }, 'the record')
    return ended ?? assert.fail('no record')
  }

  const story = async ({ id }: ApiCall): Promise<readonly string[]> => {
    const events = await node.api<readonly Readonly<Record<string, unknown>>[]>(`/api/v1/calls/${id}/events`)
    return events.flatMap(({ event, outcome, reason }) =>
      event === 'call.transfer' ? [[outcome, reason].filter((word) => typeof word === 'string').join(': ')] : [],
    )
  }

  it('talks to the one who is declining the agent’s words no more: the agent is told, and speaks to the caller again', async () => {
    assert.equal((await caller.call(ATTENDED)).status, 200)
    caller.talk(LOUD)
    await until(async () => heardOf('caller', 'they declined: in theatre'), 'the answer to the tool')
    await caller.hearSound(SPOKEN_FRAMES / 2)
    assert.equal(await caller.hangUp(), 200)
    const call = await record(ATTENDED)
    assert.equal(call.end?.cause, 'normal')
    assert.deepEqual(await story(call), ['begun', 'briefing', 'said', 'failed: they declined: in theatre', 'ended'])
    assert.match(person.output, /terminated|closed/i)
  })

  it('talks to the person over the second trunk, as the first one refuses: sound both ways, the agent’s socket closed, all on record', async () => {
    const before = model.sockets.length
    assert.equal((await caller.call(BLIND)).status, 200)
    caller.talk(LOUD)
    await until(
      async () => model.sockets.slice(before).every(({ readyState }) => readyState === WebSocket.CLOSED),
      'the end of the agent’s socket',
    )
    await caller.hearSound(100)
    assert.equal(await caller.hangUp(), 200)
    const call = await record(BLIND)
    assert.deepEqual(call.end, { by: 'caller', sip: null, cause: 'transferred' })
    assert.deepEqual(
      call.attempts.map(({ trunk, sip }) => [trunk, sip]),
      [
        ['alpha', 503],
        ['beta', 200],
      ],
    )
    assert.deepEqual(await story(call), ['begun', 'joined', 'ended'])
    assert.ok(call.transcript.some(({ text }) => text.startsWith('transfer_call: {"ok":true')))
    assert.ok((call.media?.in.packets ?? 0) > 100 && call.media?.in.lost === 0)
    const heardSeconds = await person.stop()
    assert.ok(heardSeconds > 1, `the person heard ${heardSeconds} s of the caller`)
  })
})
