import assert from 'node:assert/strict'
import { BanList, DEFAULT_BAN_POLICY, MAX_TRACKED } from '../../../lib/sip/ban-list.ts'

const { refusals: BAN_AFTER, windowMs: BAN_WINDOW_MS, durationMs: BAN_MS } = DEFAULT_BAN_POLICY

describe('ban list', () => {
  it('bans an address at its 20th request within a minute, until it has been quiet for ten', () => {
    const bans = new BanList()
    for (let i = 1; i < BAN_AFTER; i++) assert.equal(bans.count('a', i), false)
    assert.equal(bans.isBanned('a', 30), false)
    assert.equal(bans.count('a', 30), true)
    assert.equal(bans.isBanned('a', 1000), true)
    assert.equal(bans.isBanned('a', 1000 + BAN_MS - 1), true)
    assert.equal(bans.isBanned('a', 1000 + 2 * BAN_MS), false)
    assert.equal(bans.isBanned('b', 30), false)
  })

  it('does not ban an address that asks slowly', () => {
    const bans = new BanList()
    for (let i = 0; i < 100; i++) assert.equal(bans.count('a', i * (BAN_WINDOW_MS / 10)), false)
  })

  it('bans as strictly and as long as it is told', () => {
    const bans = new BanList({ refusals: 2, windowMs: 100, durationMs: 1_000 })
    bans.count('slow', 0)
    assert.equal(bans.count('slow', 100), false)
    bans.count('fast', 0)
    assert.equal(bans.count('fast', 99), true)
    assert.equal(bans.isBanned('fast', 1_100), false)
  })

  it('follows a policy that changes, from the next packet on', () => {
    const bans = new BanList({ refusals: 3, windowMs: 100, durationMs: 1_000 })
    bans.count('a', 0)
    bans.policy = { refusals: 2, windowMs: 100, durationMs: 50 }
    assert.equal(bans.count('a', 1), true)
    assert.equal(bans.isBanned('a', 52), false)
  })

  it('lets an address go that has become known', () => {
    const bans = new BanList()
    for (let i = 0; i < BAN_AFTER; i++) bans.count('a', 0)
    bans.pardon((address) => address === 'a')
    assert.equal(bans.isBanned('a', 1), false)
  })

  it('remembers no more addresses than its limit', () => {
    const bans = new BanList()
    for (let i = 0; i < MAX_TRACKED + 10; i++) bans.count(`a${i}`, 0)
    assert.equal(bans.size, MAX_TRACKED)
  })
})
