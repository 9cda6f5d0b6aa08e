/** Methods of the RFCs we know (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086); others are answered 501. */
export const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'OPTIONS',
  'REGISTER',
  'PRACK',
  'SUBSCRIBE',
  'NOTIFY',
  'PUBLISH',
  'INFO',
  'REFER',
  'MESSAGE',
  'UPDATE',
])

/** Methods that make no sense without a dialog: 481 outside of one. */
export const DIALOG_ONLY_METHODS: ReadonlySet<string> = new Set(['BYE', 'PRACK', 'UPDATE'])

/** Methods whose requests and 2xx need a Contact: they open a dialog or refresh its target. */
export const CONTACT_METHODS: ReadonlySet<string> = new Set([
  'INVITE',
  'SUBSCRIBE',
  'NOTIFY',
  'REFER',
  'UPDATE',
  'OPTIONS',
])
