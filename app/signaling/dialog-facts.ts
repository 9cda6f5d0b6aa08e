import type Srf from 'drachtio-srf'
import { type DialogState, readDialogState } from '../../lib/sip/dialog-state.ts'
import { splitList } from '../../lib/sip/list-values.ts'
import { parseNameAddr } from '../../lib/sip/name-addr.ts'
import { propertyOf } from './srf-inside.ts'

/** The methods of peers whose Contact is where requests go from then on, and that are taken in our calls (RFC 3261 §12.2, RFC 3311). */
const TARGET_REFRESH: ReadonlySet<string> = new Set(['INVITE', 'UPDATE'])

/**
 * What a dialog of drachtio-srf is made of, as another server would need it to go on (RFC 3261 §12.1), read off the messages that made it and kept
 * up by those that come. The CSeq of what the SIP server below sends by itself is not seen here: that is what `CSEQ_SKIP` is for.
 */
export class DialogFacts {
  #state: DialogState | null

  private constructor(state: DialogState | null) {
    this.#state = state
  }

  /** Of a dialog that has just been made. */
  static of(dialog: Srf.Dialog): DialogFacts {
    return new DialogFacts(readFacts(dialog))
  }

  /** Of a dialog that another server had. */
  static taken(state: DialogState): DialogFacts {
    return new DialogFacts(state)
  }

  /** Null where the messages had something in them that no other server would take. */
  get state(): DialogState | null {
    return this.#state
  }

  /** A request of the far end. */
  onRequest(req: Srf.SrfRequest): void {
    if (this.#state === null) return
    const contact = TARGET_REFRESH.has(req.method) ? contactOf(req) : undefined
    const seq = seqOf(req)
    this.#become({
      ...this.#state,
      remoteTarget: contact === undefined ? this.#state.remoteTarget : overTransport(contact, req),
      remoteSeq: seq === null ? this.#state.remoteSeq : Math.max(seq, this.#state.remoteSeq ?? 0),
    })
  }

  /** A 2xx to a re-INVITE of ours, which had this CSeq. */
  onSuccess(seq: number, contact: string | undefined): void {
    if (this.#state === null) return
    const remoteTarget = uriOf(contact) ?? this.#state.remoteTarget
    this.#become({ ...this.#state, remoteTarget, localSeq: Math.max(seq, this.#state.localSeq) })
  }

  #become(state: DialogState): void {
    const checked = readDialogState(state)
    this.#state = checked.ok ? checked.value : null
  }
}

function readFacts(dialog: Srf.Dialog): DialogState | null {
  const { req, sip, type } = dialog
  const res = propertyOf(dialog, 'res')
  if (!isMessage(req) || !isMessage(res) || !isText(sip.localTag)) return null
  const isUas = type === 'uas'
  const remoteTag = isText(sip.remoteTag) ? sip.remoteTag : ''
  const [from, to] = [req.get('From') ?? '', (isUas ? req : res).get('To') ?? '']
  const recorded = splitList((isUas ? req : res).get('Record-Route') ?? '')
  const checked = readDialogState({
    role: isUas ? 'uas' : 'uac',
    callId: sip.callId,
    localTag: sip.localTag,
    remoteTag,
    local: isUas ? withTag(to, sip.localTag) : from,
    remote: isUas ? from : to,
    remoteTarget: overTransport((isUas ? contactOf(req) : contactOf(res)) ?? '', isUas ? req : res),
    routeSet: isUas ? recorded : recorded.reverse(),
    localSeq: isUas ? 0 : (seqOf(req) ?? -1),
    remoteSeq: isUas ? seqOf(req) : null,
  } satisfies DialogState)
  return checked.ok ? checked.value : null
}

/**
 * A Contact without a transport, of a far end that came over TCP or TLS: its first server answered over that connection, the next one has none,
 * and has to open one of the same kind. UDP, which such a Contact names (RFC 3263 §4.1), need not be listened to there.
 */
function overTransport(uri: string, message: Message): string {
  const protocol = propertyOf(message, 'protocol')
  if (protocol !== 'tcp' && protocol !== 'tls') return uri
  return /^sip:/i.test(uri) && !/[;?]transport=/i.test(uri) && !uri.includes('?') ? `${uri};transport=${protocol}` : uri
}

/** A message of drachtio-srf, as far as it is read here. */
interface Message {
  get(name: string): string | undefined
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'get' in value && typeof value.get === 'function'

const isText = (value: unknown): value is string => typeof value === 'string'

const withTag = (to: string, tag: string): string => (/;\s*tag\s*=/i.test(to) ? to : `${to};tag=${tag}`)

const contactOf = (message: Message): string | undefined => uriOf(message.get('Contact'))

function uriOf(contact: string | undefined): string | undefined {
  const first = splitList(contact ?? '')[0]
  return first === undefined ? undefined : parseNameAddr(first)?.uri
}

function seqOf(message: Message): number | null {
  const digits = /^\s*(\d{1,10})\s/.exec(message.get('CSeq') ?? '')?.[1]
  return digits === undefined ? null : Number(digits)
}
