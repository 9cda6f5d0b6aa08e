import assert from 'node:assert/strict'
import { SIMULATED_CALL } from '../../../app/route/simulate.ts'
import attestation from '../../../examples/router-attestation.ts'
import crm from '../../../examples/router-crm.ts'
import people from '../../../examples/router-people.ts'
import percentage from '../../../examples/router-percentage.ts'
import timeAndRegion from '../../../examples/router-time-and-region.ts'
import type { RouterTools } from '../../../lib/route/router.ts'

const CALL = SIMULATED_CALL
const tools = (answer: () => Promise<Response>): RouterTools => ({ trunks: [], nodes: [], fetch: answer })
const NONE = tools(() => Promise.reject(new Error('offline')))

describe('The example routers', () => {
  it('go by the hour and the region', async () => {
    assert.deepEqual(await timeAndRegion(CALL, NONE), { bridge: 'intake' })
    assert.deepEqual(await timeAndRegion({ ...CALL, region: 'eu-west' }, NONE), { bridge: 'intake-eu' })
    assert.deepEqual(await timeAndRegion({ ...CALL, receivedAt: '2026-03-02T03:00:00.000Z' }, NONE), {
      bridge: 'night',
    })
  })

  it('go by who vouches for the caller', async () => {
    assert.equal(await attestation(CALL, NONE), null)
    const screened = { bridge: 'screening', variables: { attestation: 'C' } }
    assert.deepEqual(await attestation({ ...CALL, attestation: 'C' }, NONE), screened)
    assert.deepEqual(await attestation({ ...CALL, headers: { 'p-attestation-indicator': 'C' } }, NONE), screened)
    assert.deepEqual(await attestation({ ...CALL, from: '+19005550100' }, NONE), { reject: 603 })
  })

  it('ring the desk in its hours, and then who is on call', async () => {
    const onCall = { number: '+12025550150', timeoutMs: 30_000 }
    const onLost = { agent: 'intake' }
    const desk = { uri: 'sip:desk@10.0.0.5', timeoutMs: 15_000 }
    assert.deepEqual(await people(CALL, NONE), { dial: [desk, onCall], onLost })
    assert.deepEqual(await people({ ...CALL, receivedAt: '2026-03-02T03:00:00.000Z' }, NONE), {
      dial: [onCall],
      onLost,
    })
  })

  it('ask a CRM, and do without where it knows nobody', async () => {
    const known = tools(async () => Response.json({ name: 'Ada' }))
    assert.deepEqual(await crm(CALL, known), { bridge: 'intake', variables: { name: 'Ada' } })
    assert.equal(
      await crm(
        CALL,
        tools(async () => new Response('', { status: 404 })),
      ),
      null,
    )
  })

  it('give a share of the callers to another agent, always the same ones', async () => {
    const chosen = async (): Promise<readonly number[]> => {
      const all = await Promise.all(
        Array.from(
          { length: 1_000 },
          async (_, i) => await percentage({ ...CALL, from: `+1202555${String(i).padStart(4, '0')}` }, NONE),
        ),
      )
      return all.flatMap((answer, i) => (answer ? [i] : []))
    }
    const first = await chosen()
    assert.ok(first.length > 60 && first.length < 140, `${first.length} of 1,000`)
    assert.deepEqual(await chosen(), first)
  })
})
