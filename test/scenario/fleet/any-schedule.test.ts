import assert from 'node:assert/strict'
import { type CallLine, PostgresModel, type Taken } from './stores.ts'
import { World } from './world.ts'

/** By hand: `TANDEM_TEST_SCHEDULES=100000 TANDEM_TEST_SEED=7 npx mocha dist/test/scenario/fleet/any-schedule.test.js` */
const COUNT = Number(process.env.TANDEM_TEST_SCHEDULES ?? 10_000)
const SEED = Number(process.env.TANDEM_TEST_SEED ?? 1)

/** Schedules in which each fault that is put in by a test must show. */
const ENOUGH = 1_500

describe('a fleet under any schedule of faults', function () {
  this.timeout(0)

  it(`has one owner a call and one record a call, in ${COUNT} schedules from seed ${SEED}`, () => {
    for (let seed = SEED; seed < SEED + COUNT; seed++) {
      const world = new World(seed)
      assert.deepEqual(world.run(), [], `seed ${seed}: ${world.faults.join('; ')}`)
    }
  })

  describe('is found out where', () => {
    it('an end that was journaled does not replace node-lost', () => {
      assert.match(firstViolation(RevisionsAlone), /lost the end that was heard/)
    })

    it('an owner that comes back believes that all is still its own', () => {
      assert.match(firstViolation(NobodyIsFenced), /acts for call-\d+ in term/)
    })

    it('a survivor takes what has a new owner since it was noted', () => {
      assert.match(firstViolation(NothingIsCompared), /acts for call-\d+ in term/)
    })

    it('a record is closed in the term of its row, not in that of the owner who died', () => {
      assert.match(firstViolation(ClosedInTheTermOfTheRow, 24_800), /had ended, and is active again/)
    })

    it('a record is closed by a claim that another one has followed', () => {
      assert.match(firstViolation(EveryClaimStands, 780_399), /had ended, and is active again/)
    })
  })
})

class RevisionsAlone extends PostgresModel {
  override supersedes(row: CallLine, stored: CallLine): boolean {
    return row.epoch === stored.epoch ? row.revision > stored.revision : row.epoch > stored.epoch
  }
}

class NobodyIsFenced extends PostgresModel {
  override verify(_node: string, held: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    return held
  }
}

class NothingIsCompared extends PostgresModel {
  override take(id: string, _noted: number, node: string): Taken | null {
    return super.take(id, this.calls.get(id)?.ownerEpoch ?? 0, node)
  }
}

class ClosedInTheTermOfTheRow extends PostgresModel {
  override take(id: string, noted: number, node: string): Taken | null {
    const taken = super.take(id, noted, node)
    return taken === null ? null : { ...taken, termBefore: taken.row.epoch }
  }
}

class EveryClaimStands extends PostgresModel {
  override stands(): boolean {
    return true
  }
}

/** @param first seed to begin with: what one schedule in many thousands shows is not looked for anew each time */
function firstViolation(Model: new () => PostgresModel, first = 1): string {
  for (let seed = first; seed < first + ENOUGH; seed++) {
    const [violation] = new World(seed, new Model()).run()
    if (violation !== undefined) return violation
  }
  return 'none'
}
