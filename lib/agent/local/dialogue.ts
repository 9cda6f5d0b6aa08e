import { HANG_UP, RESERVED_TOOLS } from '../../tool/names.ts'
import { contentText, type Item } from './item.ts'
import type { ToolChoice, Tools } from './session-config.ts'

/**
 * What the local agent says and does. It cannot understand words that are spoken, and never pretends to: it says what it is, how long
 * the caller spoke, and which key was pressed. In order, the first that applies:
 *
 * | what came last | it answers |
 * |---|---|
 * | instructions of the response: `Say exactly the following, and nothing else: "…"` (`lib/agent/greeting.ts`) | that text |
 * | output of a tool | `The tool says: …`; after `hang_up` nothing but `Goodbye.` |
 * | text that names keys, as `[DTMF 5]` | `You pressed five.`; 0 or # alone say goodbye and call `hang_up`; 9 alone calls the first tool that is not Tandem's own |
 * | text with the word `goodbye` | says goodbye and calls `hang_up`, where the session has that tool |
 * | text `call <tool> {…}` | calls that tool with these arguments |
 * | any other text | `You wrote: …` |
 * | speech | `You spoke for 2.3 seconds.`, and what it is |
 * | nothing | a greeting |
 *
 * A conversation that the client has restored is acknowledged once: `We had 4 turns before.`
 */
export function decideReply(scene: Scene): Reply {
  const exact = exactText(scene.instructions)
  if (exact !== undefined) return { say: exact }
  const calls = callable(scene)
  const reply = answer(scene, calls)
  const memory = scene.turn === 0 ? restoredTurns(scene.items) : 0
  return memory > 0
    ? { ...reply, say: `We had ${memory} ${memory === 1 ? 'turn' : 'turns'} before. ${reply.say}` }
    : reply
}

/** What a reply depends on. */
export interface Scene {
  /** Items that the response may know of, the oldest first. */
  readonly items: readonly Item[]
  /** Instructions of this very response; those of the session are not followed, as nothing here understands them. */
  readonly instructions: string
  readonly tools: Tools
  readonly toolChoice: ToolChoice
  /** Responses that this session has begun before this one. */
  readonly turn: number
  /** The caller has been silent for the session's `idle_timeout_ms`. */
  readonly idle: boolean
}

export interface Reply {
  readonly say: string
  readonly call?: ToolCall
}

interface ToolCall {
  readonly name: string
  /** JSON, as the wire has it. */
  readonly arguments: string
}

/** The way a client asks for an exact text. The first quote after a colon opens it, the last one closes it. */
const EXACT = /:\s*["“]([\s\S]*)["”]\s*\.?\s*$/
/** Longest text that is spoken in one response. */
const SPOKEN_CHARS = 4_000
/** Longest piece of a tool's output or of the client's text that is repeated. */
const ECHO_CHARS = 300

const WHAT_I_AM = "I am Tandem's local agent, a test voice, not an AI."

const KEYS: Readonly<Record<string, string>> = {
  '0': 'zero',
  '1': 'one',
  '2': 'two',
  '3': 'three',
  '4': 'four',
  '5': 'five',
  '6': 'six',
  '7': 'seven',
  '8': 'eight',
  '9': 'nine',
  '*': 'star',
  '#': 'pound',
}

function exactText(instructions: string): string | undefined {
  const text = /\bexactly\b/i.test(instructions) ? EXACT.exec(instructions)?.[1] : undefined
  return text?.slice(0, SPOKEN_CHARS)
}

/** Names of the functions that may be called now; an `mcp` server's tools are not ours to call. */
function callable(scene: Scene): readonly string[] {
  if (scene.toolChoice === 'none') return []
  return scene.tools.flatMap((tool) => (tool.type === 'function' ? [tool.name] : []))
}

function answer(scene: Scene, calls: readonly string[]): Reply {
  const forced =
    typeof scene.toolChoice === 'object' && scene.toolChoice.type === 'function' ? scene.toolChoice.name : undefined
  if (forced !== undefined && calls.includes(forced)) return { say: '', call: { name: forced, arguments: '{}' } }
  if (scene.idle) return { say: 'Are you still there?' }
  const last = scene.items.findLast((item) => item.type === 'function_call_output' || isFromCaller(item))
  if (last?.type === 'function_call_output') return answerTool(last.callId, last.output, scene.items)
  if (last?.type !== 'message') return { say: `Hello. ${WHAT_I_AM}` }
  const heard = last.content.find((part) => part.kind === 'input_audio')
  if (heard?.kind === 'input_audio' && heard.speechMs > 0) return answerSpeech(heard.speechMs, scene.items)
  const text = last.content.map(contentText).join(' ').trim()
  return text === '' ? { say: `I heard nothing. ${WHAT_I_AM}` } : answerText(text, calls)
}

const isFromCaller = (item: Item): boolean => item.type === 'message' && item.role === 'user'

function answerTool(callId: string, output: string, items: readonly Item[]): Reply {
  const call = items.find((item) => item.type === 'function_call' && item.callId === callId)
  if (call?.type === 'function_call' && call.name === HANG_UP) return { say: 'Goodbye.' }
  return { say: `The tool says: ${output.slice(0, ECHO_CHARS)}` }
}

/** Spoken by turn, so that a caller hears that something goes on. Few sentences, so that most are synthesized once. */
const AFTER_SPEECH = [
  WHAT_I_AM,
  'I hear that you speak, but I do not understand words.',
  'Press a key and I will name it. Press zero and I will hang up.',
] as const

function answerSpeech(speechMs: number, items: readonly Item[]): Reply {
  const earlier = items.filter((item) => item.type === 'message' && item.origin === 'caller').length - 1
  const more = AFTER_SPEECH[Math.max(0, earlier) % AFTER_SPEECH.length] ?? WHAT_I_AM
  return { say: `You spoke for ${seconds(speechMs)}. ${more}` }
}

function answerText(text: string, calls: readonly string[]): Reply {
  const asked = /^call ([\w.-]{1,128})\s*(\{[\s\S]*\})?$/i.exec(text)
  if (asked?.[1] !== undefined && calls.includes(asked[1])) {
    return { say: '', call: { name: asked[1], arguments: asked[2] ?? '{}' } }
  }
  const keys = dtmfKeys(text)
  const farewell = keys === '0' || keys === '#' || /\bgood ?bye\b/i.test(text)
  if (farewell && calls.includes(HANG_UP)) {
    const reason = JSON.stringify({ reason: 'The caller said goodbye.' })
    return { say: 'Goodbye.', call: { name: HANG_UP, arguments: reason } }
  }
  const tool = calls.find((name) => !RESERVED_TOOLS.includes(name))
  if (keys === '9' && tool !== undefined) return { say: '', call: { name: tool, arguments: '{}' } }
  if (keys !== undefined) return { say: `You pressed ${keys.split('').map(keyName).join(', ')}.` }
  return { say: `You wrote: ${text.slice(0, ECHO_CHARS)}` }
}

const keyName = (key: string): string => KEYS[key] ?? key

/** The keys that a text tells of, as the bridge writes them (`lib/agent/dtmf-batch.ts`): `[DTMF 12#]`. */
const dtmfKeys = (text: string): string | undefined => /\[DTMF ([0-9A-D*#]{1,32})\]/.exec(text)?.[1]

/** Turns that the client has restored: messages of caller or assistant that were never heard or said in this session. */
function restoredTurns(items: readonly Item[]): number {
  const restored = items.filter((item) => item.type === 'message' && item.origin === 'client' && item.role !== 'system')
  const assistant = restored.some((item) => item.type === 'message' && item.role === 'assistant')
  return assistant ? restored.length : 0
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} seconds`

/** What stands in place of a transcript: nobody has recognised words here. */
export const honestTranscript = (speechMs: number): string => `(speech, ${seconds(speechMs)})`
