import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min'

const E164 = /^\+[1-9]\d{2,14}$/
const SEPARATORS = /[\s().-]/g

/**
 * A number as dialled, in E.164 (`+` and 3 to 15 digits), or null where it is no telephone number. Numbers without `+` are read as
 * dialled inside `country` (ISO 3166, e.g. `US`): carriers send `2025550123`, `12025550123` and `+12025550123` for the same line.
 */
export function toE164(dialled: string, country: string): string | null {
  const compact = dialled.replace(SEPARATORS, '')
  if (E164.test(compact)) return compact
  if (!/^\d{4,17}$/.test(compact) || !isSupportedCountry(country)) return null
  const parsed = parsePhoneNumberFromString(compact, country as CountryCode)
  return parsed?.isPossible() ? parsed.number : null
}

/**
 * The user part of a SIP or the number of a tel URI, without parameters and with escapes decoded (RFC 3261 §19.1.2, RFC 3966 §3).
 * Empty where the URI has none.
 */
export function userOfUri(uri: string): string {
  const match = /^(?:sips?:([^@]*)@|tel:([^@]*)$)/i.exec(uri)
  const user = (match?.[1] ?? match?.[2] ?? '').split(/[;:]/, 1)[0] ?? ''
  try {
    return decodeURIComponent(user)
  } catch {
    // A lone `%` is not an escape: the text stands as it came.
    return user
  }
}
