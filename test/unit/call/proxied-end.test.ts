import assert from 'node:assert/strict'
import { endOfProxied } from '../../../lib/call/proxied-end.ts'

describe('How a call that was sent on stands in the record', () => {
  const CASES: readonly (readonly [why: string, finals: readonly number[], want: string])[] = [
    ['answered, and not ours any more', [486, 200], 'system 200 redirected'],
    ['answered just as it was given up', [487, 200], 'system 200 redirected'],
    ['given up at the second one', [404, 487], 'caller 487 cancelled'],
    ['declined by one, which stops the others', [487, 603], 'callee 603 rejected'],
    ['given up', [487], 'caller 487 cancelled'],
    ['busy', [486, 500], 'callee 486 busy'],
    ['declined everywhere', [404, 603], 'callee 603 rejected'],
    ['sent elsewhere', [302], 'callee 302 rejected'],
    ['a server behind us that fails, which goes up as 500', [503], 'system 500 trunk-fault'],
    ['silence', [], 'system 408 trunk-fault'],
  ]
  for (const [why, finals, want] of CASES)
    it(why, () => {
      const { by, sip, cause } = endOfProxied(finals)
      assert.equal(`${by} ${sip} ${cause}`, want)
    })
})
