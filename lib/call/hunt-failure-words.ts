import type { HuntFailure } from '../trunk/hunt-failure.ts'

/** Why nobody could be reached, in words for an agent to tell a caller: about the person where it is about them, else that it was not possible. */
export function huntFailureWords({ end, verdict }: HuntFailure): string {
  if (end?.kind === 'ringTimeout') return 'they did not answer'
  if (end?.kind === 'cancelled') return 'it was given up'
  if (end?.kind === 'full') return 'all lines are busy'
  if (end?.kind !== 'response' || verdict?.blame !== 'callee') return 'they could not be reached'
  return WORDS[end.status] ?? `they could not be reached (${end.status})`
}

/** RFC 3261 §21. */
const WORDS: Readonly<Record<number, string>> = {
  404: 'their number does not exist',
  408: 'they did not answer',
  410: 'their number does not exist any more',
  480: 'they are not available',
  486: 'they are busy',
  487: 'they did not answer',
  600: 'they are busy',
  603: 'they declined',
  604: 'their number does not exist',
}
