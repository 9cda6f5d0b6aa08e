import type { RouterQuestion } from '../../../app/route/messages.ts'
import { SIMULATED_CALL } from '../../../app/route/simulate.ts'

/** The question of a call to a number, as a node asks it. */
export const questionOf = (to: string): RouterQuestion => ({
  call: { ...SIMULATED_CALL, to, raw: { ...SIMULATED_CALL.raw, to: `sip:${to}@192.0.2.2` } },
  trunks: [],
  nodes: [],
})
