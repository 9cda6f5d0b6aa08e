/** Days as the config writes them; a week begins on Sunday, as it does in `Date`. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

export type Weekday = (typeof WEEKDAYS)[number]

/** When people may be called: from one time of the wall clock to another, on the days that it begins on. */
export interface CallingWindow {
  readonly days: readonly Weekday[]
  /** Minutes after midnight, 0 to 1439. */
  readonly fromMinute: number
  /** 0 to 1440, not included; where it is not after `fromMinute`, on the day after. */
  readonly toMinute: number
}

/** When a tenant's calls may be placed, by the clock on the wall of a time zone. */
export interface CallingHours {
  /** As IANA names it. */
  readonly zone: string
  readonly windows: readonly CallingWindow[]
  /** How far the zone's clocks are ahead of UTC. */
  readonly offsetMs: (at: Date) => number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const DAY_MINUTES = 1_440
const WEEK_MINUTES = 7 * DAY_MINUTES
/** A window that the one hour of a year falls upon that does not exist opens a week later. */
const SEARCHED_DAYS = 21

/** Whether there is such a time zone. */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    // RangeError: Intl has no other way to say so.
    return false
  }
}

/** Throws a RangeError where there is no such zone. */
export function callingHours(zone: string, windows: readonly CallingWindow[]): CallingHours {
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  })
  const offsetMs = (at: Date): number => {
    const part = new Map(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const of = (type: Intl.DateTimeFormatPartTypes): number => part.get(type) ?? 0
    const wall = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
    return wall - Math.floor(at.getTime() / 1_000) * 1_000
  }
  return { zone, windows, offsetMs }
}

/**
 * Whether people may be called. The wall clock alone decides: an hour that it shows twice is open twice, and where it jumps into a window, that
 * opens then.
 */
export const isOpen = (hours: CallingHours, at: Date): boolean =>
  isOpenOnClock(hours, at.getTime() + hours.offsetMs(at))

/** The first moment from `at` on at which people may be called; null: within three weeks there is none. */
export function nextOpening(hours: CallingHours, at: Date): Date | null {
  const untilMs = at.getTime() + SEARCHED_DAYS * DAY_MS
  let fromMs = at.getTime()
  while (fromMs < untilMs) {
    const offsetMs = hours.offsetMs(new Date(fromMs))
    if (isOpenOnClock(hours, fromMs + offsetMs)) return new Date(fromMs)
    const changeMs = nextChange(hours, fromMs, offsetMs)
    const opensMs = nextStartOnClock(hours, fromMs + offsetMs) - offsetMs
    if (opensMs < changeMs) return new Date(opensMs)
    fromMs = changeMs
  }
  return null
}

/** A moment on the clocks of the zone, such as `2026-11-24T09:00:00-05:00` (RFC 3339). */
export function formatOnClock(hours: CallingHours, at: Date): string {
  const minutes = Math.round(hours.offsetMs(at) / MINUTE_MS)
  const two = (value: number): string => String(value).padStart(2, '0')
  const wall = new Date(at.getTime() + minutes * MINUTE_MS).toISOString().slice(0, 19)
  const size = Math.abs(minutes)
  return `${wall}${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** @param wallMs what the wall clock shows, as if it were UTC */
function isOpenOnClock({ windows }: CallingHours, wallMs: number): boolean {
  const minute = minuteOfWeek(wallMs)
  return windows.some((window) =>
    startsOf(window).some((start) => (minute - start + WEEK_MINUTES) % WEEK_MINUTES < lengthOf(window)),
  )
}

/** When the next window begins after `wallMs`, on a clock that nobody changes. */
function nextStartOnClock({ windows }: CallingHours, wallMs: number): number {
  const minute = minuteOfWeek(wallMs)
  const waits = windows.flatMap((window) =>
    startsOf(window).map((start) => ((start - minute - 1 + WEEK_MINUTES) % WEEK_MINUTES) + 1),
  )
  return Math.floor(wallMs / MINUTE_MS) * MINUTE_MS + Math.min(...waits) * MINUTE_MS
}

/** When the clocks are changed next, to the second; a week from now at the latest. */
function nextChange({ offsetMs }: CallingHours, fromMs: number, offset: number): number {
  const isSame = (ms: number): boolean => offsetMs(new Date(ms)) === offset
  for (let day = 1; day <= 7; day++) {
    let after = fromMs + day * DAY_MS
    if (isSame(after)) continue
    let before = after - DAY_MS
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (isSame(middle)) before = middle
      else after = middle
    }
    return after
  }
  return fromMs + 7 * DAY_MS
}

const startsOf = ({ days, fromMinute }: CallingWindow): readonly number[] =>
  days.map((day) => WEEKDAYS.indexOf(day) * DAY_MINUTES + fromMinute)

const lengthOf = ({ fromMinute, toMinute }: CallingWindow): number =>
  toMinute > fromMinute ? toMinute - fromMinute : toMinute + DAY_MINUTES - fromMinute

function minuteOfWeek(wallMs: number): number {
  const date = new Date(wallMs)
  return date.getUTCDay() * DAY_MINUTES + date.getUTCHours() * 60 + date.getUTCMinutes()
}
