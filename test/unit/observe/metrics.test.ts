import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMetrics, type Metrics } from '../../../app/observe/metrics.ts'
import type { TrunkFigures } from '../../../app/observe/trunk-metrics.ts'
import { trunkId } from '../../../lib/core/ids.ts'
import { ROOT } from '../../helpers/root.ts'

const ALPHA: TrunkFigures = {
  id: 'alpha',
  state: 'failed',
  fleet: 'standby',
  override: null,
  probe: { lastOkAt: new Date(1_800_000_000_000), rttMs: 20, misses: 3 },
  calls: { attempts: 8, faults: 5 },
}

describe('the metrics of a node', () => {
  let metrics: Metrics

  beforeEach(() => {
    metrics = createMetrics('east-1')
  })

  afterEach(() => metrics.close())

  /** Of lines that begin with it: labels other than `node`, and the value. */
  async function read(name: string): Promise<readonly string[]> {
    return (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`))
      .map((line) =>
        line
          .slice(name.length)
          .replace(/,?node="east-1"/, '')
          .replace('{,', '{'),
      )
  }

  it('tell the state of each trunk, what the fleet says, and what both rest on', async () => {
    metrics.observe({ trunks: () => [ALPHA], canaries: () => new Set(['alpha']) })
    assert.deepEqual(await read('tandem_trunk_state'), [
      '{trunk="alpha",state="active"} 0',
      '{trunk="alpha",state="standby"} 0',
      '{trunk="alpha",state="failed"} 1',
    ])
    assert.ok((await read('tandem_trunk_fleet_state')).includes('{trunk="alpha",state="standby"} 1'))
    assert.deepEqual(await read('tandem_trunk_override'), ['{trunk="alpha"} 0'])
    assert.deepEqual(await read('tandem_trunk_canary'), ['{trunk="alpha"} 1'])
    assert.deepEqual(await read('tandem_trunk_probe_rtt_seconds'), ['{trunk="alpha"} 0.02'])
    assert.deepEqual(await read('tandem_trunk_probe_misses'), ['{trunk="alpha"} 3'])
    assert.deepEqual(await read('tandem_trunk_probe_last_ok_timestamp_seconds'), ['{trunk="alpha"} 1800000000'])
    assert.deepEqual(await read('tandem_trunk_window_faults'), ['{trunk="alpha"} 5'])
  })

  it('forget a trunk that the config has dropped', async () => {
    let trunks: readonly TrunkFigures[] = [ALPHA]
    metrics.observe({ trunks: () => trunks })
    assert.equal((await read('tandem_trunk_state')).length, 3)
    trunks = []
    assert.equal((await read('tandem_trunk_state')).length, 0)
  })

  it('say nothing of a round trip that was never measured', async () => {
    metrics.observe({ trunks: () => [{ ...ALPHA, probe: { lastOkAt: null, rttMs: null, misses: 0 } }] })
    assert.deepEqual(await read('tandem_trunk_probe_rtt_seconds'), [])
    assert.deepEqual(await read('tandem_trunk_probe_last_ok_timestamp_seconds'), [])
  })

  it('count what events tell of trunks, calls and nodes', async () => {
    const trunk = trunkId('alpha')
    metrics.eventEmitted({ event: 'trunk.state', trunk, from: 'active', to: 'failed', channel: 'calls' })
    metrics.eventEmitted({ event: 'call.attempt', trunk, blame: 'trunk', pddMs: null })
    metrics.eventEmitted({ event: 'call.attempt', trunk, blame: 'nobody', pddMs: 1_900 })
    metrics.eventEmitted({ event: 'call.redirected', trunk, why: 'trunk' })
    metrics.eventEmitted({ event: 'call.rejected', sip: 404 })
    metrics.eventEmitted({ event: 'security.refused', why: 'stranger' })
    metrics.eventEmitted({ event: 'node.lost', lost: 'west-1' })
    assert.deepEqual(await read('tandem_trunk_state_changes_total'), ['{trunk="alpha",to="failed",channel="calls"} 1'])
    assert.deepEqual(await read('tandem_attempt_verdicts_total'), [
      '{trunk="alpha",blame="trunk"} 1',
      '{trunk="alpha",blame="nobody"} 1',
    ])
    assert.deepEqual(await read('tandem_attempt_post_dial_delay_seconds_count'), ['{trunk="alpha"} 1'])
    assert.deepEqual(await read('tandem_redirects_total'), ['{trunk="alpha",why="trunk"} 1'])
    assert.deepEqual(await read('tandem_refusals_total'), ['{trunk="none",status="404"} 1'])
    assert.deepEqual(await read('tandem_strangers_refused_total'), ['{why="stranger"} 1'])
    assert.deepEqual(await read('tandem_nodes_lost_total'), ['{} 1'])
    assert.ok((await read('tandem_events_total')).includes('{event="call.attempt"} 2'))
  })

  it('say until when the certificates that are shown are good', async () => {
    metrics.observe({ certificates: () => [{ name: 'sip.tls', endsAtMs: 1_800_000_000_000 }] })
    assert.deepEqual(await read('tandem_certificate_end_timestamp_seconds'), ['{certificate="sip.tls"} 1800000000'])
  })

  it('count rare events and faults from 0 on, so that the first one is an increase', async () => {
    assert.ok((await read('tandem_events_total')).includes('{event="store.degraded"} 0'))
    assert.ok((await read('tandem_calls_ended_total')).includes('{cause="agent-fault",by="system"} 0'))
  })

  it('time the hunts by their outcome', async () => {
    metrics.huntEnded('answered', 2_100)
    metrics.huntEnded('noReply', 4_000)
    const sums = await read('tandem_hunt_seconds_sum')
    assert.deepEqual(sums, ['{outcome="answered"} 2.1', '{outcome="noReply"} 4'])
  })

  it('stand in docs/metrics.md, every one of them, and no other', async () => {
    const doc = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
    const documented = [...doc.matchAll(/^\| `(tandem_\w+)/gm)].flatMap(([, name]) => name ?? [])
    const ours = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name).filter(isOurs)
    assert.deepEqual(new Set(documented), new Set(ours))
  })
})

const isOurs = (name: string): boolean => name.startsWith('tandem_')
