/**
 * Whether a certificate is one of a SIP domain by a URI of its subject alternative names (RFC 5922 §7.1, §7.2): `sip:` or `sips:` and the
 * domain, to the letter. A URI with a user part names a user, not a domain.
 *
 * @param subjectAltName as OpenSSL writes it: `DNS:a.example, URI:sip:a.example`
 */
export function namesDomain(subjectAltName: string, domain: string): boolean {
  // What needs quotes is no domain; cut at its commas it might look like one.
  if (subjectAltName.includes('"')) return false
  const wanted = domain.toLowerCase()
  return subjectAltName.split(', ').some((name) => /^URI:sips?:([^@;?]+)$/i.exec(name)?.[1]?.toLowerCase() === wanted)
}
