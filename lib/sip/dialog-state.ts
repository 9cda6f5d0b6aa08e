import { err, ok, type Result } from '../core/result.ts'
import { isToken } from './chars.ts'
import { composeInDialog } from './compose.ts'
import { type Dialog, routeInDialog } from './dialog.ts'
import type { Draft } from './draft.ts'
import { NO_BODY } from './message.ts'
import { parseNameAddr, tagOf } from './name-addr.ts'
import { DEFAULT_SIP_PORT, targetOfUri } from './targets.ts'
import { isSipUri, parseUri } from './uri.ts'

/**
 * How far the CSeq of a dialog skips ahead where another server goes on with it: what the one before sent by itself since the state was written
 * down (refreshes of a session timer, a BYE that nobody got) stays below. RFC 3261 §12.2.1.1 wants the number to grow, not to grow by one.
 */
export const CSEQ_SKIP = 100

/** Longest state in characters, as JSON. */
export const MAX_DIALOG_STATE_CHARS = 16_384

/** Longest Call-ID, tag, URI or Route of a state. */
const MAX_TEXT_CHARS = 2_048

/** Most Routes. */
const MAX_ROUTES = 32

/** RFC 3261 §8.1.1.5. */
const MAX_SEQ = 2 ** 31 - 1

/** What another server needs to know of a confirmed dialog to go on with it: the RFC's part of it, as JSON on the wire. */
export type DialogState = Omit<Dialog, 'state' | 'remoteSeq'> & { readonly remoteSeq: number | null }

/** One line of JSON, for `dialog|import|`. */
export const formatDialogState = (state: DialogState): string => JSON.stringify(state)

/** Reads `formatDialogState`'s line; what is wrong with it, and where, otherwise. CSeq numbers are as they were: nothing is skipped yet. */
export function parseDialogState(text: string): Result<DialogState, string> {
  if (text.length > MAX_DIALOG_STATE_CHARS)
    return err(`the dialog's state is too long: ${text.length} > ${MAX_DIALOG_STATE_CHARS} characters`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return err("the dialog's state is no JSON")
  }
  return readDialogState(value)
}

/** Checks every field of a state that comes from elsewhere; what is wrong with the first that is no good, otherwise. */
export function readDialogState(value: unknown): Result<DialogState, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return err("the dialog's state is no object")
  const fields = new Map<string, unknown>(Object.entries(value))
  const role = fields.get('role')
  if (role !== 'uac' && role !== 'uas') return err('role is neither uac nor uas')
  const callId = textOf(fields.get('callId'))
  if (callId === undefined || callId === '' || /\s/.test(callId)) return err('callId is no Call-ID')
  const localTag = textOf(fields.get('localTag'))
  if (localTag === undefined || !isToken(localTag)) return err('localTag is no token')
  const remoteTag = textOf(fields.get('remoteTag'))
  if (remoteTag === undefined) return err('remoteTag is no tag')
  const [local, remote] = [textOf(fields.get('local')), textOf(fields.get('remote'))]
  if (local === undefined || !hasTag(local, localTag)) return err('local is no address with the tag localTag')
  if (remote === undefined || !hasTag(remote, remoteTag)) return err('remote is no address with the tag remoteTag')
  const remoteTarget = textOf(fields.get('remoteTarget'))
  if (remoteTarget === undefined || !isSendable(remoteTarget)) return err('remoteTarget is no SIP URI')
  const routeSet = routesOf(fields.get('routeSet'))
  if (routeSet === undefined) return err(`routeSet is no list of up to ${MAX_ROUTES} addresses`)
  const localSeq = fields.get('localSeq')
  if (!isSeq(localSeq) || localSeq > MAX_SEQ - 2 * CSEQ_SKIP)
    return err('localSeq is no CSeq number with room above it')
  const remoteSeq = fields.get('remoteSeq')
  if (remoteSeq !== null && !isSeq(remoteSeq)) return err('remoteSeq is neither a CSeq number nor null')
  const state: DialogState = {
    role,
    callId,
    localTag,
    remoteTag,
    local,
    remote,
    remoteTarget,
    routeSet,
    localSeq,
    remoteSeq,
  }
  const objection = unsendable(dialogOfState(state))
  return objection === undefined ? ok(state) : err(objection)
}

/** What each field was let in for: a request that can be made, and sent somewhere. */
function unsendable(dialog: Dialog): string | undefined {
  const { nextHop } = routeInDialog(dialog)
  if (typeof targetOfUri(nextHop) === 'string') return `nothing can be sent to ${nextHop}`
  const request = composeInDialog(NOTHING, 'BYE', dialog, { ...ANYWHERE, seq: dialog.localSeq })
  return request.ok ? undefined : `no request can be made: ${request.error.message}`
}

const NOTHING: Draft = { start: { kind: 'request', method: '', uri: '' }, headers: [], body: NO_BODY }

const ANYWHERE = {
  local: { protocol: 'udp', host: '192.0.2.1', port: DEFAULT_SIP_PORT },
  branch: 'z9hG4bK',
  userAgent: undefined,
} as const

/** The dialog as whoever goes on with it has it: confirmed, its CSeq beyond all that the server before may have sent. */
export const dialogOfState = ({ remoteSeq, ...state }: DialogState): Dialog => ({
  ...state,
  state: 'confirmed',
  localSeq: state.localSeq + CSEQ_SKIP,
  remoteSeq: remoteSeq ?? undefined,
})

/** A text that may stand in a header: bounded, and without line breaks or other control characters. */
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= MAX_TEXT_CHARS && !/\p{Cc}/u.test(value) ? value : undefined

const isSeq = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_SEQ

/** A From or To value with this tag; an empty one is that of a peer of RFC 2543, which has none. */
function hasTag(text: string, tag: string): boolean {
  const address = parseNameAddr(text)
  return address !== undefined && (tagOf(address) ?? '') === tag
}

function isSendable(text: string): boolean {
  const uri = /[\s<>]/.test(text) ? undefined : parseUri(text)
  return uri !== undefined && isSipUri(uri) && typeof targetOfUri(text) !== 'string'
}

function routesOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_ROUTES) return undefined
  const routes: string[] = []
  for (const one of value) {
    const text = textOf(one)
    if (text === undefined || !text.includes('<') || parseNameAddr(text) === undefined) return undefined
    routes.push(text)
  }
  return routes
}
