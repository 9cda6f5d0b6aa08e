import { inputOf, tryInput } from './campaign.ts'
import { foundOf } from './target.ts'
import { TARGETS } from './targets/all.ts'

/** The same cases in every run; `node dist/test/fuzz/run.js` tries others for as long as one likes. */
const SEED = 1

/** Longest time for the cases of one target: of a slow machine it gets fewer. */
const BUDGET_MS = 800

describe('whatever strangers send', function () {
  this.timeout(20_000)

  for (const target of TARGETS) {
    it(`is borne by ${target.name}: its seeds, what was found once, and mutations of them`, () => {
      for (const input of [...target.corpus, ...foundOf(target.name)]) tryInput(target, input)
      const untilMs = performance.now() + BUDGET_MS
      for (let number = 0; performance.now() < untilMs; number++) tryInput(target, inputOf(target, SEED, number))
    })
  }
})
