/**
 * Whether the URI of a Contact has a scheme, or the header is `*` (RFC 3261 §20.10). drachtio-server 0.9.10 crashes when a request is
 * answered whose Contact has none, such as `<[::1]>`, whatever the answer.
 */
export function hasScheme(contact: string): boolean {
  const bare = contact.replace(/"(?:[^"\\]|\\.)*"/g, '').trim()
  return /^(?:\*|[^<]*<\s*[a-z][a-z0-9+.-]*:|[a-z][a-z0-9+.-]*:)/i.test(bare)
}
