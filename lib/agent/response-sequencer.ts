/** Why a response is wanted, and what it must know of. */
export interface ResponseRequest {
  /** For this response only, e.g. the exact greeting; null: as the session says. */
  readonly instructions: string | null
  /** Items of ours that the server has not acknowledged: a response that began before it had them does not answer them. */
  readonly awaiting: readonly string[]
  /** How often the server has refused it because another was active. */
  readonly conflicts: number
}

interface Sent {
  readonly eventId: string
  readonly request: ResponseRequest
}

interface Active {
  readonly responseId: string
  /** Ours, as far as can be told; null where turn detection made it. */
  readonly request: ResponseRequest | null
}

/**
 * The server runs one response at a time (OpenAI Realtime: `conversation_already_has_active_response`), and begins some by
 * itself when the caller stops speaking. So ours wait here, one `response.create` is on the way at most, and what a response of the
 * server's own has answered is not asked again.
 */
export interface Sequencer {
  readonly active: Active | null
  /** Sent; neither created nor refused so far. */
  readonly sent: Sent | null
  readonly waiting: readonly ResponseRequest[]
  /** Nothing is sent before this moment. Monotonic. */
  readonly heldUntilMs: number
}

/** Refusals after which a request is given up. */
export const MAX_CONFLICTS = 5
/** The server says a response is active that we know nothing of: how long to wait before the next try. */
export const CONFLICT_PAUSE_MS = 500

export const NEW_SEQUENCER: Sequencer = { active: null, sent: null, waiting: [], heldUntilMs: 0 }

/** A response to what the conversation holds, such as tool outputs; `awaiting` are the items it must know of. */
export const plainRequest = (awaiting: readonly string[]): ResponseRequest => ({
  instructions: null,
  awaiting,
  conflicts: 0,
})

export const isBusy = (sequencer: Sequencer): boolean => sequencer.active !== null || sequencer.sent !== null

/** Adds a request. Two plain ones become one, as one response answers both: no more than two can ever wait. */
export function enqueue(sequencer: Sequencer, request: ResponseRequest): Sequencer {
  const at = sequencer.waiting.findIndex(({ instructions }) => instructions === request.instructions)
  const same = sequencer.waiting[at]
  if (same === undefined) return { ...sequencer, waiting: [...sequencer.waiting, request] }
  const merged = {
    ...same,
    awaiting: [...new Set([...same.awaiting, ...request.awaiting])],
    conflicts: Math.max(same.conflicts, request.conflicts),
  }
  return { ...sequencer, waiting: sequencer.waiting.with(at, merged) }
}

/** The request that may be sent now as `eventId`, if any. */
export function sendNext(
  sequencer: Sequencer,
  eventId: string,
  nowMs: number,
): { readonly sequencer: Sequencer; readonly request: ResponseRequest | null } {
  const [request, ...waiting] = sequencer.waiting
  if (request === undefined || isBusy(sequencer) || nowMs < sequencer.heldUntilMs) return { sequencer, request: null }
  return { sequencer: { ...sequencer, waiting, sent: { eventId, request } }, request }
}

export const hold = (sequencer: Sequencer, untilMs: number): Sequencer => ({ ...sequencer, heldUntilMs: untilMs })

/**
 * `response.created`. `mark` is the event id that our request put in its metadata, null where there is none: then turn detection made it, or the
 * server does not echo metadata and it may be ours, which `responseEnded` or a conflict decides.
 */
export function responseCreated(sequencer: Sequencer, responseId: string, mark: string | null): Sequencer {
  const { sent } = sequencer
  if (sent !== null && mark === sent.eventId) {
    return { ...sequencer, active: { responseId, request: sent.request }, sent: null }
  }
  const waiting = sequencer.waiting.filter((request) => request.awaiting.length > 0)
  if (sent === null || mark !== null) return { ...sequencer, active: { responseId, request: null }, waiting }
  return { ...sequencer, active: { responseId, request: sent.request }, waiting }
}

/** `response.done`. Without a conflict, what was sent before it has been answered by it. */
export function responseEnded(
  sequencer: Sequencer,
  responseId: string,
): { readonly sequencer: Sequencer; readonly request: ResponseRequest | null } {
  const { active, sent } = sequencer
  if (active === null || active.responseId !== responseId) return { sequencer, request: null }
  const answered = sent !== null && active.request === sent.request
  return { sequencer: { ...sequencer, active: null, sent: answered ? null : sent }, request: active.request }
}

/** An `error` that names the event of a request: where a response was active it is asked again, else it is given up. */
export function requestRefused(
  sequencer: Sequencer,
  eventId: string,
  conflict: boolean,
  nowMs: number,
): { readonly sequencer: Sequencer; readonly dropped: boolean } {
  const { sent, active } = sequencer
  if (sent === null || sent.eventId !== eventId) return { sequencer, dropped: false }
  const rest: Sequencer = {
    ...sequencer,
    sent: null,
    active: active !== null && active.request === sent.request ? { ...active, request: null } : active,
  }
  const conflicts = sent.request.conflicts + 1
  if (!conflict || conflicts >= MAX_CONFLICTS) return { sequencer: rest, dropped: true }
  // The active response knows every item it must: turn detection was faster, and has answered.
  if (active !== null && sent.request.awaiting.length === 0) return { sequencer: rest, dropped: false }
  const held = active === null ? hold(rest, nowMs + CONFLICT_PAUSE_MS) : rest
  return { sequencer: enqueue(held, { ...sent.request, conflicts }), dropped: false }
}

/** The server has an item of ours. A response that begins from now on knows it. */
export function itemAcknowledged(sequencer: Sequencer, itemId: string): Sequencer {
  const { active, sent, waiting } = sequencer
  if (!waiting.some(({ awaiting }) => awaiting.includes(itemId)) && sent?.request.awaiting.includes(itemId) !== true) {
    return sequencer
  }
  const without = (request: ResponseRequest): ResponseRequest => ({
    ...request,
    awaiting: request.awaiting.filter((id) => id !== itemId),
  })
  // A response that is active already began without the item, so a conflict with it still asks again.
  const late = active !== null
  return {
    ...sequencer,
    waiting: waiting.map(without),
    sent: sent === null || late ? sent : { ...sent, request: without(sent.request) },
  }
}
