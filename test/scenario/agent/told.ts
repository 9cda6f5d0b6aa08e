/** Events to a server, in order. */
export type Sent = readonly Record<string, unknown>[]

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The items that a server was given, each as `role: text`, `name(arguments)` or `= output`; behind the scenes `note`. */
export const told = (sent: Sent): readonly string[] =>
  sent.flatMap(({ type, item }) => {
    if (type !== 'conversation.item.create' || !isObject(item)) return []
    if (item.type === 'function_call') return `${String(item.name)}(${String(item.arguments)})`
    if (item.type === 'function_call_output') return `= ${String(item.output)}`
    const content: unknown = Array.isArray(item.content) ? item.content[0] : undefined
    return item.role === 'system' ? 'note' : `${String(item.role)}: ${isObject(content) ? String(content.text) : ''}`
  })
/** Their types. */
export const types = (sent: Sent): readonly string[] => sent.map(({ type }) => String(type))
/** How many responses were asked for. */
export const asked = (sent: Sent): number => types(sent).filter((type) => type === 'response.create').length
/** The server has written down what the caller said. */
export const transcript = (itemId: string, text: string): object => ({
  type: 'conversation.item.input_audio_transcription.completed',
  item_id: itemId,
  transcript: text,
})
