/** Limits on what a peer may send us (our policy). Each is checked before memory is spent on the excess. */

/** Longest SIP message, header and body together, in bytes. More is answered 513 where it can be answered. */
export const MAX_MESSAGE_BYTES = 65_536

/** Most header lines of a message. */
export const MAX_HEADER_LINES = 256

/** Longest header line in bytes, continuation lines included, and longest start line. An Identity with a long `div` chain stays under it. */
export const MAX_HEADER_LINE_BYTES = 8_192

/** Characters of a reason phrase that are kept: more is no phrase, and grows where it is no UTF-8 and is written anew. */
export const MAX_REASON_CHARS = 1_024

/** Most values in a header that is a list (Via, Route, Contact, ...), over all its lines. */
export const MAX_LIST_VALUES = 128

/** Most parameters of one header value or URI. */
export const MAX_PARAMS = 64
