import { privacyOnward, type ShownCaller } from '../sip/caller-identity.ts'

/** What an INVITE says of who calls, as it came. */
export interface CallerFacts {
  /** E.164, as far as the number could be read so. */
  readonly number: string
  /** User part of P-Asserted-Identity or From, as it came. */
  readonly user: string
  /** From, the whole header. */
  readonly from: string
  /** Privacy (RFC 3323 §4.2), the whole header; null where there is none. */
  readonly privacy: string | null
}

const E164 = /^\+[1-9]\d{6,14}$/
/** Kinds of privacy that hide who calls (RFC 3323 §4.2, RFC 3325 §9.3). `none` hides nothing, `critical` and `session` say nothing of it. */
const HIDING = /(?:^|[;,\s])(?:id|user|header)(?:$|[;,\s])/i
/** Where carriers have no number they write one of these in its place (RFC 3323 §4.1.1.3, and use). */
const NOBODY = /^(?:anonymous|restricted|unknown|unavailable|private|blocked|withheld|payphone|coinline|asserted)$/i

/** Words on a telephone's keys: some carriers hand on nothing but digits, and give every nameless caller the same ones. */
const KEYPAD_WORDS = ['ANONYMOUS', 'RESTRICTED', 'BLOCKED', 'UNKNOWN', 'UNAVAILABLE', 'PRIVATE']
const KEYS = ['ABC', 'DEF', 'GHI', 'JKL', 'MNO', 'PQRS', 'TUV', 'WXYZ']
const keyOf = (letter: string): string => String(KEYS.findIndex((letters) => letters.includes(letter)) + 2)
const NAMELESS_DIGITS: ReadonlySet<string> = new Set(KEYPAD_WORDS.map((word) => Array.from(word, keyOf).join('')))

/**
 * The number by which a further call is known as the same person's, in E.164, or empty where there is none: who hides who calls, or
 * shares a number with all who do, must never hear another one's conversation.
 */
export function knownCaller(facts: CallerFacts): string {
  return E164.test(facts.number) && !isHidden(facts) ? facts.number : ''
}

/**
 * Who calls, as whom they are put through to may know them: who hides from us hides from everybody.
 *
 * @param isAsserted whether the number is a P-Asserted-Identity that we believe
 */
export function shownCaller(facts: CallerFacts, isAsserted: boolean): ShownCaller {
  const { number, user, privacy } = facts
  const hidden = isHidden(facts)
  return {
    number: E164.test(number) && !isNameless(user) ? number : null,
    isHidden: hidden,
    privacy: privacyOnward(privacy, hidden),
    isAsserted,
  }
}

const isHidden = ({ user, from, privacy }: CallerFacts): boolean =>
  (privacy !== null && HIDING.test(privacy)) || isNameless(user) || isNobody(from)

const isNameless = (user: string): boolean => NOBODY.test(user) || NAMELESS_DIGITS.has(user.replace(/^\+/, ''))

/** `"Anonymous" <sip:anonymous@anonymous.invalid>`, and what is like it. */
function isNobody(from: string): boolean {
  const user = /(?:<|^\s*)sips?:([^@;>]*)@/i.exec(from)?.[1] ?? ''
  return NOBODY.test(user) || /@anonymous\.invalid(?:$|[;>:\s])/i.test(from)
}
