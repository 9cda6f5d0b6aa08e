import assert from 'node:assert/strict'
import { GuestList, MAX_GUESTS, PROVEN_MS } from '../../../lib/sip/guest-list.ts'

/** How many of so many requests at one moment are let in. */
const admitted = (guests: GuestList, address: string, requests: number, nowMs: number): number =>
  Array.from({ length: requests }, () => guests.admit(address, nowMs)).filter(Boolean).length

describe('the list of guests', () => {
  it('lets 20 requests of an address in at once, and two a second from then on', () => {
    const guests = new GuestList()
    assert.equal(admitted(guests, '192.0.2.1', 30, 0), 20)
    assert.equal(admitted(guests, '192.0.2.1', 30, 1_000), 2)
    assert.equal(admitted(guests, '192.0.2.1', 30, 3_600_000), 20)
  })

  it('counts each address by itself', () => {
    const guests = new GuestList()
    admitted(guests, '192.0.2.1', 30, 0)
    assert.equal(admitted(guests, '192.0.2.2', 30, 0), 20)
  })

  it('gives an address that has shown credentials room for the calls of an SBC, for ten minutes', () => {
    const guests = new GuestList()
    admitted(guests, '192.0.2.1', 30, 0)
    guests.prove('192.0.2.1', 0)
    assert.equal(admitted(guests, '192.0.2.1', 1_000, 0), 400)
    assert.equal(admitted(guests, '192.0.2.1', 1_000, 1_000), 200)
    assert.ok(guests.isProven('192.0.2.1', PROVEN_MS - 1))
    assert.ok(!guests.isProven('192.0.2.1', PROVEN_MS))
    assert.equal(admitted(guests, '192.0.2.1', 1_000, PROVEN_MS), 20)
  })

  it('gives no new allowance to one that shows them again and again', () => {
    const guests = new GuestList()
    guests.prove('192.0.2.1', 0)
    admitted(guests, '192.0.2.1', 400, 0)
    guests.prove('192.0.2.1', 0)
    assert.equal(admitted(guests, '192.0.2.1', 10, 0), 0)
  })

  it('forgets made-up addresses, and for them none that was proven', () => {
    const guests = new GuestList()
    guests.prove('192.0.2.1', 0)
    for (let i = 0; i < MAX_GUESTS + 100; i++) guests.admit(`made up ${i}`, 0)
    assert.equal(guests.size, MAX_GUESTS + 1)
    assert.ok(guests.isProven('192.0.2.1', 1))
    for (let i = 0; i < MAX_GUESTS + 100; i++) guests.prove(`made up ${i}`, 0)
    assert.ok(guests.size <= 2 * MAX_GUESTS)
  })
})
