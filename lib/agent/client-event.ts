/**
 * The client events that we send besides audio (OpenAI Realtime GA), as they stand on the wire. Each carries an `event_id`, because
 * errors of the server name it and nothing else tells which event was refused.
 */
export type ClientEvent = SessionUpdate | ItemCreate | ItemTruncate | ResponseCreate | ResponseCancel

export interface SessionUpdate {
  readonly type: 'session.update'
  readonly event_id: string
  readonly session: SessionSettings
}

export interface AudioFormat {
  readonly type: 'audio/pcmu' | 'audio/pcma'
}

/** A partial merge: what is left out stays as it is. */
export interface SessionSettings {
  readonly type: 'realtime'
  readonly output_modalities?: ['audio']
  readonly instructions?: string
  readonly audio: {
    readonly input: {
      readonly format: AudioFormat
      readonly transcription?: { readonly model: string }
      readonly turn_detection?: {
        readonly type: 'server_vad'
        readonly threshold: number
        readonly prefix_padding_ms: number
        readonly silence_duration_ms: number
        readonly create_response: boolean
        readonly interrupt_response: boolean
      }
    }
    readonly output: { readonly format: AudioFormat; readonly voice?: string }
  }
  readonly tools?: (FunctionTool | McpTool)[]
  readonly tool_choice?: 'auto'
}

export interface FunctionTool {
  readonly type: 'function'
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** A server of the Model Context Protocol whose tools the model's server lists and calls by itself. */
export interface McpTool {
  readonly type: 'mcp'
  readonly server_label: string
  readonly server_url: string
  readonly server_description?: string
  readonly authorization?: string
  readonly allowed_tools?: readonly string[]
  /** Nobody in a call could be asked. */
  readonly require_approval: 'never'
}

export interface ItemCreate {
  readonly type: 'conversation.item.create'
  readonly event_id: string
  readonly item:
    | {
        readonly id: string
        readonly type: 'message'
        readonly role: 'user' | 'system'
        readonly content: { readonly type: 'input_text'; readonly text: string }[]
      }
    /** What an agent said can be restored as text only. */
    | {
        readonly id: string
        readonly type: 'message'
        readonly role: 'assistant'
        readonly content: { readonly type: 'output_text'; readonly text: string }[]
      }
    | {
        readonly id: string
        readonly type: 'function_call'
        readonly call_id: string
        readonly name: string
        readonly arguments: string
      }
    | {
        readonly id: string
        readonly type: 'function_call_output'
        readonly call_id: string
        readonly output: string
      }
}

export interface ItemTruncate {
  readonly type: 'conversation.item.truncate'
  readonly event_id: string
  readonly item_id: string
  readonly content_index: number
  /** Whole milliseconds, never more than the item has. */
  readonly audio_end_ms: number
}

export interface ResponseCreate {
  readonly type: 'response.create'
  readonly event_id: string
  readonly response: {
    readonly instructions?: string
    readonly tool_choice?: 'none'
    readonly metadata: Record<string, string>
  }
}

export interface ResponseCancel {
  readonly type: 'response.cancel'
  readonly event_id: string
  readonly response_id: string
}
