import assert from 'node:assert/strict'
import { callId, sessionId } from '../../../lib/core/ids.ts'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import { callbackTo } from '../../../lib/route/callback.ts'
import type { TrunkState } from '../../../lib/trunk/state.ts'
import { callRow } from '../../helpers/records.ts'

const CALLER = '+12025550101'
const OURS = '+12025550100'
const dropped = (fields: Partial<CallRow> = {}, cause: 'trunk-fault' | 'media-timeout' | 'node-lost' = 'trunk-fault') =>
  callRow(1, { state: 'ended', end: { by: 'system', sip: null, cause }, ...fields })

describe('whether somebody is called back', () => {
  const want = { to: CALLER, from: OURS, tenant: 'clinic', agent: 'intake', isCallback: true, avoiding: 'alpha' }

  const yes: [why: string, call: CallRow, state?: TrunkState][] = [
    ['the trunk dropped the leg', dropped()],
    ['the leg went silent on a trunk that is out of order', dropped({}, 'media-timeout'), 'standby'],
    ['a call that we had placed was dropped', dropped({ direction: 'outbound', from: OURS, to: CALLER })],
  ]
  for (const [why, call, state = 'active'] of yes) {
    it(`they are: ${why}`, () => assert.deepEqual(callbackTo(call, CALLER, 'intake', state), want))
  }

  const resumed = { id: sessionId('s'), resumedFrom: callId('c') }
  const no: [why: string, call: CallRow, caller?: string][] = [
    ['the leg went silent on a trunk that is well: the telephone may be gone', dropped({}, 'media-timeout')],
    ['the node died', dropped({}, 'node-lost')],
    ['nobody knows who called', dropped(), ''],
    ['it came over no trunk', dropped({ trunk: null })],
    ['that was a callback already', dropped({ direction: 'outbound', from: OURS, to: CALLER, session: resumed })],
    ['it has not ended', callRow(1)],
  ]
  for (const [why, call, caller = CALLER] of no) {
    it(`they are not: ${why}`, () => assert.equal(callbackTo(call, caller, 'intake', 'active'), null))
  }
})
