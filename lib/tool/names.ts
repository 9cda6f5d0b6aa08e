/** Ends the call. */
export const HANG_UP = 'hang_up'
/** Sends keys to the far end. */
export const SEND_DTMF = 'send_dtmf'
/** Keeps a fact with the session. */
export const SET_VARIABLE = 'set_variable'
export const PAUSE_RECORDING = 'pause_recording'
export const RESUME_RECORDING = 'resume_recording'

/** Names that are ours: a tool of a tenant has another one. Those of transfers are kept for them. */
export const RESERVED_TOOLS: readonly string[] = [
  HANG_UP,
  SEND_DTMF,
  SET_VARIABLE,
  PAUSE_RECORDING,
  RESUME_RECORDING,
  'transfer_call',
  'accept_call',
  'decline_call',
]
