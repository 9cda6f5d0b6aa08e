/** One message of a stream of server-sent events (WHATWG HTML §9.2). */
export interface ServerSentEvent {
  /** `message` unless the stream names it. */
  readonly name: string
  readonly data: string
}

/** What is left of the text so far, and the id that the stream has told last. */
export interface EventStreamState {
  readonly rest: string
  readonly lastEventId: string
}

export const EVENT_STREAM_START: EventStreamState = { rest: '', lastEventId: '' }

/** A message longer than this is not ours; the reader gives up rather than hold it. */
const MAX_MESSAGE = 1_048_576

/**
 * Takes the next piece of the text, wherever it was cut. Comments are passed over; a message without data only moves
 * the last event id. Throws a `RangeError` on a message beyond 1 MiB.
 */
export function stepEventStream(
  state: EventStreamState,
  text: string,
): { readonly state: EventStreamState; readonly events: readonly ServerSentEvent[] } {
  const messages = (state.rest + text).split(/\r\n\r\n|\n\n|\r\r/)
  const rest = messages.pop() ?? ''
  if (rest.length > MAX_MESSAGE) throw new RangeError(`a message of the event stream is over ${MAX_MESSAGE} characters`)
  const events: ServerSentEvent[] = []
  let { lastEventId } = state
  for (const message of messages) {
    const { id, name, data } = parseMessage(message)
    if (id !== undefined) lastEventId = id
    if (data.length > 0) events.push({ name: name ?? 'message', data: data.join('\n') })
  }
  return { state: { rest, lastEventId }, events }
}

function parseMessage(message: string) {
  let id: string | undefined
  let name: string | undefined
  const data: string[] = []
  for (const line of message.split(/\r\n|\n|\r/)) {
    const [, field, value = ''] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? []
    if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'event') name = value
    else if (field === 'data') data.push(value)
  }
  return { id, name, data }
}
