import type { EndCause, EndedBy } from '../observe/call-record.ts'

/** What may happen to any call of an agent, whoever began it. */
export type LineInput =
  | { readonly kind: 'held' }
  | { readonly kind: 'retrieved' }
  /** BYE of the far end. */
  | { readonly kind: 'bye' }
  /**
   * The SIP server below is gone, and with it transaction and dialog. Where a machine has no word of its own for it, also that the server gave the
   * dialog up by itself.
   */
  | { readonly kind: 'lost' }
  /** Another node has the call. */
  | { readonly kind: 'fenced' }
  /** One of our own ends the call. */
  | { readonly kind: 'hangUp'; readonly by: EndedBy; readonly cause: EndCause }
