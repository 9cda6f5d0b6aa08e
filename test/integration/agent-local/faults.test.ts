import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { greetingInstructions } from '../../../lib/agent/greeting.ts'
import { Client, silence } from './client.ts'
import { callerSays } from './voice.ts'

const KEY = 'sk-local-test'
const say = { instructions: greetingInstructions('Hello, this is the clinic. How can I help?') }

describe('faults of the local agent', () => {
  let agent: LocalAgent
  let caller: Buffer

  before(async () => {
    agent = await startLocalAgent({ apiKey: KEY, firstDeltaMs: 10, speedUp: 100 })
    caller = await callerSays('Good morning.')
  })
  afterEach(() => agent.setFaults({}))
  after(() => agent.close())

  const withFaults = (faults: string): Client => new Client(agent, KEY, `tandem-local;${faults}`)

  it('refuses the upgrade with the status asked for', async () => {
    for (const status of [401, 429, 503]) {
      const url = `ws://127.0.0.1:${agent.port}/v1/realtime?model=m;refuseStatus=${status}`
      const socket = new WebSocket(url, { headers: { 'api-key': KEY } })
      const [, response] = await once(socket, 'unexpected-response')
      assert.equal(response.statusCode, status)
      response.destroy()
    }
  })

  it('lets a handshake wait until the client loses patience, and forgets it', async () => {
    await agent.setFaults({ handshakeDelayMs: 60_000 })
    const socket = new WebSocket(`${agent.baseUrl}/realtime?model=m`, {
      headers: { 'api-key': KEY },
      handshakeTimeout: 50,
    })
    const [error] = await once(socket, 'error')
    assert.match(String(error), /timed out/)
  })

  it('accepts and says nothing when mute', async () => {
    const client = withFaults('mute')
    await once(client.rt.socket, 'open')
    client.rt.socket.ping()
    await once(client.rt.socket, 'pong')
    assert.deepEqual(client.types(), [])
    await client.close()
  })

  it('drops the connection in the middle of the speech, without a close frame', async () => {
    const client = withFaults('dropAfterDeltas=3')
    await client.useG711()
    client.send({ type: 'response.create', response: say })
    assert.equal((await client.closed).code, 1006)
    assert.ok(!client.types().includes('response.done'))
  })

  it('drops the sessions that are open when told so later', async () => {
    const client = new Client(agent, KEY)
    await client.next('session.created')
    await agent.setFaults({ dropAfterMs: 0 })
    assert.equal((await client.closed).code, 1006)
  })

  it('closes with 1011', async () => {
    const client = withFaults('closeAfterMs=30')
    assert.equal((await client.closed).code, 1011)
  })

  it('stalls in the middle of a response and goes on after it, with nothing lost', async () => {
    const client = withFaults('stallAfterDeltas=2;stallMs=150')
    await client.useG711()
    client.send({ type: 'response.create', response: say })
    await client.next('response.output_audio.delta')
    await client.next('response.output_audio.delta')
    const fromMs = performance.now()
    await client.next('response.output_audio.delta')
    assert.ok(performance.now() - fromMs >= 100)
    assert.equal((await client.next('response.done')).response.status, 'completed')
    await client.close()
  })

  it('stalls for good where no time is given, while pings are still answered', async () => {
    const client = withFaults('stallAfterDeltas=1')
    await client.useG711()
    client.send({ type: 'response.create', response: say })
    await client.next('response.output_audio.delta')
    client.rt.socket.ping()
    await once(client.rt.socket, 'pong')
    assert.equal(client.types().at(-1), 'response.output_audio.delta')
    client.rt.socket.terminate()
    await client.closed
  })

  it('delays every event and keeps their order', async () => {
    const fromMs = performance.now()
    const client = withFaults('slowMs=100')
    await client.next('session.created')
    assert.ok(performance.now() - fromMs >= 100)
    client.send({ type: 'input_audio_buffer.clear' })
    client.send({ type: 'response.cancel' })
    await client.next('input_audio_buffer.cleared')
    await client.next('error')
    await client.close()
  })

  it('answers no ping when half open', async () => {
    const client = withFaults('halfOpen')
    await client.next('session.created')
    let pongs = 0
    client.rt.socket.on('pong', () => pongs++)
    client.rt.socket.ping()
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared')
    assert.equal(pongs, 0)
    await client.close()
  })

  it("stops reading, so that the client's buffer grows, and reads on when the fault ends", async () => {
    await agent.setFaults({ stopReading: true })
    const client = new Client(agent, KEY)
    await client.next('session.created')
    const audio = silence(60_000).toString('base64')
    for (let i = 0; i < 40; i++) client.send({ type: 'input_audio_buffer.append', audio })
    client.send({ type: 'input_audio_buffer.clear' })
    assert.ok(client.rt.socket.bufferedAmount > 1_000_000, `${client.rt.socket.bufferedAmount} bytes`)
    await agent.setFaults({})
    await client.next('input_audio_buffer.cleared')
    await client.close()
  })

  it('expires early', async () => {
    const client = withFaults('expireAfterMs=50')
    assert.equal((await client.next('error')).error.code, 'session_expired')
    assert.equal((await client.closed).code, 1001)
  })

  it('fails responses, and sends errors in the middle of others', async () => {
    const failing = withFaults('failResponse=insufficient_quota')
    await failing.useG711()
    failing.send({ type: 'response.create', response: say })
    const { response } = await failing.next('response.done')
    assert.equal(response.status, 'failed')
    assert.equal(response.status_details?.error?.code, 'insufficient_quota')
    await failing.close()

    const erring = withFaults('errorEvent=server_error')
    await erring.useG711()
    erring.send({ type: 'response.create', response: say })
    assert.equal((await erring.next('error')).error.code, 'server_error')
    assert.equal((await erring.next('response.done')).response.status, 'completed')
    await erring.close()
  })

  it('sends late deltas after a cancel', async () => {
    const client = withFaults('lateDeltas=2')
    await client.useG711()
    client.send({ type: 'response.create', response: say })
    const { item_id } = await client.next('response.output_audio.delta')
    client.send({ type: 'response.cancel' })
    assert.equal((await client.next('response.done')).response.status, 'cancelled')
    assert.equal((await client.next('response.output_audio.delta')).item_id, item_id)
    await client.close()
  })

  it('reports speech twice, in two items, with unknown events and a failed transcription', async () => {
    const client = withFaults(
      'duplicateSpeechStarted;twoItems;unknownEvents;failTranscription;rateLimits=never;leadingSilenceMs=200',
    )
    await client.useG711()
    client.send({
      type: 'session.update',
      session: { type: 'realtime', audio: { input: { transcription: { model: 'x' } } } },
    })
    await client.next('session.updated')
    client.append(caller)
    client.append(silence(600))
    const done = await client.next('response.done')
    assert.equal(done.response.output?.length, 2)
    const types = client.types()
    assert.equal(types.filter((type) => type === 'input_audio_buffer.speech_started').length, 2)
    assert.ok(types.includes('local.weather'))
    // Near-silence is never the byte of silence itself, and far below any voice.
    const lead = client.audio().subarray(0, 1_600)
    assert.ok(
      lead.every((byte) => byte !== 0xff && (byte & 0x7f) >= 0x7d),
      lead.subarray(0, 8).toString('hex'),
    )
    if (!types.includes('conversation.item.input_audio_transcription.failed')) {
      await client.next('conversation.item.input_audio_transcription.failed')
    }
    await client.close()
  })
})
