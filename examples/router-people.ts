import { defineRouter } from 'tandem'

const DESK = process.env['DESK_URI'] ?? 'sip:desk@10.0.0.5'
const ON_CALL = process.env['ON_CALL_NUMBER'] ?? '+12025550150'

/** A person first: the desk in its hours, then who is on call over the tenant's trunks. Whoever loses them is with the agent. */
export default defineRouter((call) => {
  const hour = new Date(call.receivedAt).getUTCHours()
  const desk = hour >= 8 && hour < 18 ? [{ uri: DESK, timeoutMs: 15_000 }] : []
  return { dial: [...desk, { number: ON_CALL, timeoutMs: 30_000 }], onLost: { agent: call.agent } }
})
