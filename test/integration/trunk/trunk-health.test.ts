import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { nodeLocator } from '../../../app/dns/node-locator.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { HealthFile } from '../../../app/trunk/health-file.ts'
import { TrunkHealth } from '../../../app/trunk/trunk-health.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import type { TrunkConfig } from '../../../lib/config/resolve.ts'
import { type TrunkId, trunkId } from '../../../lib/core/ids.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { OptionsCarrier } from '../../helpers/options-carrier.ts'
import { tempFolder } from '../../helpers/postgres.ts'

const ALPHA: TrunkId = trunkId('alpha')
/** With the defaults: 6 s to the next probe at the latest, its timeout, and two more probes (docs/behaviour.md). */
const WORST_CASE_MS = 14_000
const MARGIN_MS = 1_000

function trunkOf(uri: string, probe: Record<string, unknown>): TrunkConfig {
  const file = { trunks: [{ id: ALPHA, sources: ['192.0.2.1'], targets: [{ uri }], probe }] }
  const parsed = parseConfig(JSON.stringify(file), { env: {}, file: 'test' })
  const trunk = parsed.ok ? parsed.value.trunks[0] : undefined
  assert.ok(trunk !== undefined, JSON.stringify(parsed))
  return trunk
}

describe('the health of a trunk, on real sockets', () => {
  let sip: SipServer
  let link: SipLink
  let carrier: OptionsCarrier
  let folder: string
  let events: EventDraft[]
  let onEvent: (() => void) | null

  beforeEach(async () => {
    sip = await startSipServer({ listen: ['udp:127.0.0.1:0'], secret: 'secret' })
    const connected = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret: 'secret' }] })
    assert.ok(connected.ok)
    link = connected.value
    carrier = await OptionsCarrier.start()
    folder = await tempFolder()
    events = []
    onEvent = null
  })

  afterEach(async () => {
    link.close()
    await sip.close()
    carrier.close()
    await rm(folder, { recursive: true, force: true })
  })

  const watch = (trunk: TrunkConfig): TrunkHealth =>
    new TrunkHealth({
      trunks: [trunk],
      locator: nodeLocator(['udp/127.0.0.1:5060']),
      ping: (uri, timeoutMs, nextHop) => link.ping(uri, timeoutMs, nextHop),
      emit: (event) => {
        events.push(event)
        onEvent?.()
      },
      file: new HealthFile(folder, (error) => assert.fail(String(error))),
    })
  const nextEvent = (): Promise<void> =>
    new Promise((resolve) => {
      onEvent = resolve
    })

  it('goes to standby within 14 s with the defaults when an idle carrier falls silent', async function () {
    this.timeout(40_000)
    const trunks = watch(trunkOf(carrier.uri, {}))
    await carrier.answered()
    carrier.silent = true
    const silentAtMs = performance.now()
    await nextEvent()
    const tookMs = performance.now() - silentAtMs
    assert.ok(tookMs <= WORST_CASE_MS + MARGIN_MS, `took ${tookMs} ms`)
    assert.deepEqual(
      events.map(({ event, from, to, channel }) => ({ event, from, to, channel })),
      [{ event: 'trunk.state', from: 'active', to: 'standby', channel: 'probe' }],
    )
    assert.equal(trunks.states.get(ALPHA), 'standby')
    await trunks.close()
  })

  it('comes back when the carrier answers again, and stays down over a restart until it does', async function () {
    this.timeout(20_000)
    const quick = { interval: '200ms', timeout: '100ms', fastInterval: '50ms', holdDown: '300ms' }
    const trunk = trunkOf(carrier.uri, quick)
    carrier.silent = true
    const before = watch(trunk)
    await nextEvent()
    await before.close()
    const after = watch(trunk)
    assert.equal(after.states.get(ALPHA), 'standby')
    carrier.silent = false
    await nextEvent()
    assert.equal(after.states.get(ALPHA), 'active')
    await after.close()
  })
})
