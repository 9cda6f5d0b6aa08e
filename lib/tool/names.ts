/** Ends the call. */
export const HANG_UP = 'hang_up'
/** Sends keys to the far end. */
export const SEND_DTMF = 'send_dtmf'
/** Keeps a fact with the session. */
export const SET_VARIABLE = 'set_variable'
export const PAUSE_RECORDING = 'pause_recording'
export const RESUME_RECORDING = 'resume_recording'
/** Puts the caller through to a person. */
export const TRANSFER_CALL = 'transfer_call'
/** Of an agent that tells a person who is calling: they take the call, or do not. */
export const ACCEPT_CALL = 'accept_call'
export const DECLINE_CALL = 'decline_call'

/** Names that are ours: a tool of a tenant has another one. */
export const RESERVED_TOOLS: readonly string[] = [
  HANG_UP,
  SEND_DTMF,
  SET_VARIABLE,
  PAUSE_RECORDING,
  RESUME_RECORDING,
  TRANSFER_CALL,
  ACCEPT_CALL,
  DECLINE_CALL,
]
