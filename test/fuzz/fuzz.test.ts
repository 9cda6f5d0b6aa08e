import { inputOf, tryInput } from './campaign.ts'
import { foundOf } from './target.ts'
import { TARGETS } from './targets/all.ts'
import { WorldCampaign } from './world/campaign.ts'

/** The same cases in every run; `npm run fuzz` tries others for as long as one likes. */
const SEED = 1

/** Longest time for the cases of one target, and for the sequences of one world: on a slow machine they are fewer. */
const BUDGET_MS = 500
const WORLD_BUDGET_MS = 2_000

describe('whatever strangers send', function () {
  this.timeout(20_000)

  for (const target of TARGETS) {
    it(`is borne by ${target.name}: its seeds, what was found once, and mutations of them`, () => {
      for (const input of [...target.corpus, ...foundOf(target.name)]) tryInput(target, input)
      const untilMs = performance.now() + BUDGET_MS
      for (let number = 0; performance.now() < untilMs; number++) tryInput(target, inputOf(target, SEED, number))
    })
  }

  for (const [name, what] of [
    ['world', 'the SIP server with an application that says anything'],
    ['calls', 'the SIP server with what Tandem has on it'],
    ['flows', 'the TCP transport with peers that leave in every way there is'],
  ] as const) {
    it(`is borne by ${what}, and leaves nothing behind`, async () => {
      const world = new WorldCampaign(name, SEED)
      const untilMs = performance.now() + WORLD_BUDGET_MS
      for (let number = 0; performance.now() < untilMs; number++) await world.play(number)
      await world.close()
    })
  }
})
