/** Who warns, as the agent in a Warning header: a name, as our addresses are nobody's business (RFC 3261 §20.43). */
const AGENT = 'tandem'

/** Beyond it a text is cut: it may quote what a peer has sent. */
const MAX_TEXT = 200

/** The value of a Warning header (RFC 3261 §20.43): `code agent "text"`. Whatever does not belong into a quoted string is blanked. */
export function formatWarning(code: number, text: string): string {
  return `${code} ${AGENT} "${text.replace(/[^\x20-\x7e]|["\\]/g, ' ').slice(0, MAX_TEXT)}"`
}

/** Any other reason than those that have a code of their own. */
export const MISCELLANEOUS_WARNING = 399
