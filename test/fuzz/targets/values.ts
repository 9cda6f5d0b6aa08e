import assert from 'node:assert/strict'
import { parseAuthParams } from '../../../lib/sip/auth-params.ts'
import { parseCSeq } from '../../../lib/sip/cseq.ts'
import {
  answerChallenge,
  formatChallenge,
  formatCredentials,
  isDigestValid,
  parseChallenge,
  parseCredentials,
} from '../../../lib/sip/digest.ts'
import { headerName } from '../../../lib/sip/header-names.ts'
import { parseInfoDtmf } from '../../../lib/sip/info-dtmf.ts'
import { splitList } from '../../../lib/sip/list-values.ts'
import { parseListenAddress } from '../../../lib/sip/listen-address.ts'
import { parseMediaType } from '../../../lib/sip/media-type.ts'
import { formatNameAddr, parseNameAddr } from '../../../lib/sip/name-addr.ts'
import { parseParams } from '../../../lib/sip/params.ts'
import { quote, unquote } from '../../../lib/sip/quoted-string.ts'
import { parseRAck } from '../../../lib/sip/reliability.ts'
import { parseSessionExpires } from '../../../lib/sip/session-timer.ts'
import { targetOfUri } from '../../../lib/sip/targets.ts'
import { formatUri, parseUri } from '../../../lib/sip/uri.ts'
import { isSameUri } from '../../../lib/sip/uri-equality.ts'
import { escapeUser, unescapeUri } from '../../../lib/sip/uri-escapes.ts'
import { formatVia, parseVia } from '../../../lib/sip/via.ts'
import { STRANGERS_MS, seedsOf, type Target } from '../target.ts'
import { SIP_WORDS } from './sip-message.ts'

/** As much of an input as is taken for a user part: we escape only what is ours. */
const MAX_USER_CHARS = 1000

/** Parses, formats, parses again: both must say the same. */
function assertStable<T>(
  text: string,
  parse: (text: string) => T | undefined,
  format: (value: T) => string,
  shown: (value: T) => unknown = format,
): T | undefined {
  const value = parse(text)
  if (value === undefined) return undefined
  const formatted = format(value)
  const again = parse(formatted)
  assert.ok(again !== undefined, `${parse.name} refuses what it was formatted to: ${JSON.stringify(formatted)}`)
  assert.deepEqual(shown(again), shown(value))
  return value
}

function checkAddresses(text: string): void {
  const uri = assertStable(text, parseUri, formatUri)
  if (uri !== undefined) assert.ok(isSameUri(uri, uri), 'a URI is not the same as itself')
  targetOfUri(text)
  assertStable(text, parseNameAddr, formatNameAddr, ({ displayName, uri, params }) => [
    displayName,
    uri,
    params.toString(),
  ])
  assertStable(text, parseVia, formatVia)
  assertStable(
    text,
    (one) => parseParams(one, 0),
    (params) => params.toString(),
  )
  const user = Buffer.from(text.slice(0, MAX_USER_CHARS)).toString()
  assert.equal(unescapeUri(escapeUser(user)), user)
  assert.equal(unquote(quote(text)), text)
}

function checkCredentials(text: string): void {
  parseAuthParams(text)
  const challenge = assertStable(text, parseChallenge, formatChallenge)
  const body = Buffer.from(text)
  if (challenge !== undefined) {
    const subject = { method: 'INVITE', uri: 'sip:a@b', body }
    const secret = { username: 'u', password: 'p' }
    formatCredentials(answerChallenge(challenge, secret, subject, { cnonce: 'c', nonceCount: 1 }))
  }
  const credentials = assertStable(text, parseCredentials, formatCredentials)
  if (credentials !== undefined) isDigestValid(credentials, 'ha1', { method: 'INVITE', body })
}

/** The value of one header, given to the parser of every header. */
export const VALUE: Target = {
  name: 'value',
  corpus: seedsOf('value').flatMap((file) =>
    file
      .toString('latin1')
      .split(/\r?\n/)
      .filter((line) => line !== '')
      .map((line) => Buffer.from(line, 'latin1')),
  ),
  words: [
    ...SIP_WORDS,
    'Digest ',
    'realm="',
    'nonce=',
    'qop="auth,auth-int"',
    'algorithm=',
    'SHA-256-sess',
    ';q=0.5',
    ';expires=',
  ],
  limitMs: STRANGERS_MS,
  check: (input) => {
    const text = input.toString('utf8')
    checkAddresses(text)
    checkCredentials(text)
    splitList(text)
    headerName(text)
    parseCSeq(text)
    parseRAck(text)
    parseSessionExpires(text)
    parseMediaType(text)
    parseListenAddress(text)
    parseInfoDtmf('application/dtmf-relay', text)
    parseInfoDtmf('application/dtmf', text)
  },
}
