import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type CallingHours,
  type CallingWindow,
  callingHours,
  formatOnClock,
  isOpen,
  isZone,
  nextOpening,
  WEEKDAYS,
} from '../../../lib/outbound/calling-hours.ts'

const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
const window = (days: string, from: string, to: string): CallingWindow => ({
  days: WEEKDAYS.filter((day) => days.includes(day)),
  fromMinute: minutes(from),
  toMinute: minutes(to),
})

const OFFICE = callingHours('America/New_York', [window('mon tue wed thu fri', '09:00', '18:00')])
const NIGHT = callingHours('America/New_York', [window('sat', '22:00', '02:00')])
// Clocks of New York go from 02:00 to 03:00 on 8 March 2026, and from 02:00 to 01:00 on 1 November.
const IN_THE_GAP = callingHours('America/New_York', [window('sun', '02:15', '02:45')])
const INTO_THE_GAP = callingHours('America/New_York', [window('sun', '02:30', '04:00')])
const TWICE = callingHours('America/New_York', [window('sun', '01:15', '01:45')])

const told = (hours: CallingHours, at: string): string => {
  const opens = nextOpening(hours, new Date(at))
  return opens === null ? 'never' : formatOnClock(hours, opens)
}

describe('calling hours', () => {
  const CASES: readonly (readonly [why: string, hours: CallingHours, at: string, opens: string])[] = [
    ['open now', OFFICE, '2026-11-24T14:00:00Z', '2026-11-24T09:00:00-05:00'],
    ['not yet', OFFICE, '2026-11-24T13:59:59Z', '2026-11-24T09:00:00-05:00'],
    ['over for today', OFFICE, '2026-11-24T23:00:00Z', '2026-11-25T09:00:00-05:00'],
    ['over for this week', OFFICE, '2026-11-27T23:00:00Z', '2026-11-30T09:00:00-05:00'],
    ['over until after the clocks were changed', OFFICE, '2026-10-30T22:00:00Z', '2026-11-02T09:00:00-05:00'],
    ['over midnight, on the day after', NIGHT, '2026-11-22T06:59:00Z', '2026-11-22T01:59:00-05:00'],
    ['over midnight, and then over', NIGHT, '2026-11-22T07:00:00Z', '2026-11-28T22:00:00-05:00'],
    ['in an hour that does not exist', IN_THE_GAP, '2026-03-08T06:00:00Z', '2026-03-15T02:15:00-04:00'],
    ['where the clock jumps into it', INTO_THE_GAP, '2026-03-08T06:00:00Z', '2026-03-08T03:00:00-04:00'],
    ['in an hour that comes twice, the first time', TWICE, '2026-11-01T05:00:00Z', '2026-11-01T01:15:00-04:00'],
    ['in an hour that comes twice, the second time', TWICE, '2026-11-01T05:45:00Z', '2026-11-01T01:15:00-05:00'],
    [
      'all day',
      callingHours('UTC', [window('tue', '00:00', '24:00')]),
      '2026-11-25T00:00:00Z',
      '2026-12-01T00:00:00+00:00',
    ],
    [
      'in a zone of quarters of an hour',
      callingHours('Asia/Kathmandu', OFFICE.windows),
      '2026-11-24T00:00:00Z',
      '2026-11-24T09:00:00+05:45',
    ],
  ]
  for (const [why, hours, at, opens] of CASES) it(`open: ${why}`, () => assert.equal(told(hours, at), opens))

  it('open first at the first open minute there is, whatever the zone, the windows and the season', () => {
    const zone = fc.constantFrom('America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Casablanca', 'UTC')
    const time = fc.integer({ min: 0, max: 95 }).map((quarter) => quarter * 15)
    const windows = fc.array(
      fc
        .record({ days: fc.subarray([...WEEKDAYS], { minLength: 1 }), fromMinute: time, toMinute: time })
        .filter(({ fromMinute, toMinute }) => fromMinute !== toMinute),
      { minLength: 1, maxLength: 3 },
    )
    // Around the days on which clocks are changed in some of them.
    const day = fc.constantFrom(
      '2026-03-07',
      '2026-03-28',
      '2026-04-04',
      '2026-10-03',
      '2026-10-24',
      '2026-10-31',
      '2026-02-14',
    )
    const minute = fc.integer({ min: 0, max: 2_880 })
    fc.assert(
      fc.property(zone, windows, day, minute, (name, list, date, after) => {
        const hours = callingHours(name, list)
        const at = new Date(Date.parse(`${date}T00:00:00Z`) + after * 60_000)
        const opens = nextOpening(hours, at)
        assert.ok(opens !== null && opens >= at && isOpen(hours, opens))
        // All of it happens on whole quarters of an hour.
        for (let ms = Math.ceil(at.getTime() / 900_000) * 900_000; ms < opens.getTime(); ms += 900_000)
          assert.equal(isOpen(hours, new Date(ms)), false, new Date(ms).toISOString())
      }),
      { numRuns: 60 },
    )
  })

  it('know time zones by their names', () => {
    for (const zone of ['Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires']) assert.ok(isZone(zone), zone)
    for (const zone of ['Mars/Olympus', '', '+02:00', 'Europe/Berlin ']) assert.ok(!isZone(zone), zone)
  })
})
