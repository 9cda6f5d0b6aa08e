import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type AuditEntry,
  auditHash,
  type ChainedEntry,
  firstBroken,
  GENESIS_HASH,
} from '../../../lib/fleet/audit-chain.ts'

const entry = (sequence: number): AuditEntry => ({
  sequence,
  at: new Date(Date.UTC(2026, 0, 1, 0, sequence)).toISOString(),
  actor: 'otto',
  action: 'trunk.override',
  subject: 'alpha',
  details: { state: 'failed', reason: 'maintenance', nested: { b: 1, a: [2, { d: 3, c: 4 }] } },
})

function chainOf(entries: readonly AuditEntry[]): readonly ChainedEntry[] {
  let previousHash = GENESIS_HASH
  return entries.map((one) => {
    const chained = { ...one, previousHash, hash: auditHash(previousHash, one) }
    previousHash = chained.hash
    return chained
  })
}

describe('the audit chain', () => {
  const chain = chainOf([1, 2, 3, 4].map(entry))

  it('is whole as it was written, and from anywhere on', () => {
    assert.equal(firstBroken(chain), null)
    assert.equal(firstBroken(chain.slice(2)), null)
    assert.equal(firstBroken([]), null)
  })

  it('does not mind in which order a store gives the keys of details back', () => {
    const turned = { d: 3, c: 4 }
    const details = { nested: { a: [2, turned], b: 1 }, reason: 'maintenance', state: 'failed' }
    assert.equal(auditHash(GENESIS_HASH, { ...entry(1), details }), auditHash(GENESIS_HASH, entry(1)))
  })

  const forgeries: readonly [why: string, forged: readonly ChainedEntry[], brokenAt: number][] = [
    ['an actor was changed', chain.map((one) => (one.sequence === 3 ? { ...one, actor: 'eve' } : one)), 3],
    ['details were changed', chain.map((one) => (one.sequence === 2 ? { ...one, details: {} } : one)), 2],
    ['an entry was left out', chain.filter(({ sequence }) => sequence !== 2), 3],
    ['an entry was changed and hashed anew', forge(chain, 2), 3],
    [
      'the chain begins with another past',
      chainOf([2, 3].map(entry)).map((one, i) => ({ ...one, sequence: i + 1 })),
      1,
    ],
  ]
  for (const [why, forged, brokenAt] of forgeries) {
    it(`is broken where ${why}`, () => {
      assert.equal(firstBroken(forged), brokenAt)
    })
  }

  it('has a hash of its own for whatever is different', () => {
    const text = fc.string({ maxLength: 20 })
    fc.assert(
      fc.property(text, text, text, (actor, action, subject) => {
        const one = { ...entry(1), actor, action, subject }
        const other = { ...entry(1), actor: action, action: actor, subject }
        assert.equal(auditHash(GENESIS_HASH, one) === auditHash(GENESIS_HASH, other), actor === action)
      }),
    )
  })
})

/** An entry changed by one who can hash, but does not write the whole rest anew. */
function forge(chain: readonly ChainedEntry[], at: number): readonly ChainedEntry[] {
  return chain.map((one) => {
    if (one.sequence !== at) return one
    const forged = { ...one, actor: 'eve' }
    return { ...forged, hash: auditHash(one.previousHash, forged) }
  })
}
