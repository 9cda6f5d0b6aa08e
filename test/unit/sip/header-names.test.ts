import assert from 'node:assert/strict'
import { headerKey, headerName, isSameHeader, VIA } from '../../../lib/sip/header-names.ts'

describe('a header name', () => {
  it('that is well known is one object, whatever its case and form', () => {
    for (const spelling of ['Via', 'VIA', 'via', 'v', 'V', 'vIa']) assert.equal(headerName(spelling), VIA)
  })

  for (const [compact, name] of [
    ['i', 'Call-ID'],
    ['m', 'Contact'],
    ['e', 'Content-Encoding'],
    ['l', 'Content-Length'],
    ['c', 'Content-Type'],
    ['f', 'From'],
    ['s', 'Subject'],
    ['k', 'Supported'],
    ['t', 'To'],
    ['v', 'Via'],
    ['u', 'Allow-Events'],
    ['o', 'Event'],
    ['r', 'Refer-To'],
    ['b', 'Referred-By'],
    ['x', 'Session-Expires'],
    ['y', 'Identity'],
    ['a', 'Accept-Contact'],
    ['j', 'Reject-Contact'],
    ['d', 'Request-Disposition'],
  ] as const) {
    it(`of the compact form ${compact} is ${name}`, () => assert.equal(headerName(compact)?.name, name))
  }

  it('that is unknown keeps its spelling and is compared without regard to case', () => {
    const [one, other] = [headerName('X-Odd'), headerName('x-odD')]
    assert.ok(one !== undefined && other !== undefined)
    assert.equal(one.name, 'X-Odd')
    assert.ok(isSameHeader(one, other))
    assert.ok(!isSameHeader(one, VIA))
    assert.equal(headerKey('X-ODD'), 'x-odd')
    assert.equal(headerKey('CALL-ID'), 'call-id')
  })

  it('that is no token is none', () => {
    for (const text of ['', 'X Y', 'X:', 'é', 'X\r\n']) assert.equal(headerName(text), undefined)
  })
})
