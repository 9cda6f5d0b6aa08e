import assert from 'node:assert/strict'
import { namesDomain } from '../../../lib/sip/domain-certificate.ts'

describe('a certificate with SIP URIs', () => {
  for (const [names, domain, want] of [
    ['URI:sip:example.com', 'example.com', true],
    ['DNS:a.example.com, URI:sips:Example.COM', 'example.com', true],
    ['URI:sip:example.com', 'www.example.com', false],
    ['DNS:example.com', 'example.com', false],
    ['URI:https:example.com', 'example.com', false],
    ['URI:sip:user@example.com', 'example.com', false],
    ['URI:sip:*.example.com', 'www.example.com', false],
    ['URI:"http://evil.example/, URI:sip:example.com, "', 'example.com', false],
    ['', 'example.com', false],
  ] as const) {
    it(`${names} is ${want ? '' : 'not '}one of the domain ${domain}`, () => {
      assert.equal(namesDomain(names, domain), want)
    })
  }
})
