import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parseSource } from '../../../lib/config/addresses.ts'
import { CARRIER_FACTS, type CarrierFacts, carrierReference, FACTS_READ_ON } from '../../../lib/config/carriers.ts'
import { CARRIER_DEFAULTS } from '../../../lib/config/profiles.ts'

const carriers = Object.entries<CarrierFacts>(CARRIER_FACTS)

describe('what carriers publish', () => {
  it('is there for every profile but generic', () => {
    assert.deepEqual([...carriers.map(([profile]) => profile), 'generic'].sort(), Object.keys(CARRIER_DEFAULTS).sort())
  })

  it('has source addresses that a config takes, each once', () => {
    for (const [, { sources }] of carriers) {
      for (const source of sources) assert.ok(parseSource(source) !== undefined, source)
      assert.equal(new Set(sources).size, sources.length)
    }
  })

  it('names a page for each fact, and the day it was read', () => {
    for (const [profile, { name: _, sources: __, ...facts }] of carriers) {
      for (const [topic, fact] of Object.entries(facts)) {
        assert.ok(fact === null || fact.pages.every((page) => URL.canParse(page)), `${profile} ${topic}`)
      }
    }
    assert.match(FACTS_READ_ON, /^\d{4}-\d{2}-\d{2}$/)
  })

  it('is current in docs/carriers.md (npm run schema)', () => {
    const page = readFileSync(new URL('../../../../docs/carriers.md', import.meta.url), 'utf8')
    assert.ok(page.includes(`\n${carrierReference()}\n`))
  })
})
