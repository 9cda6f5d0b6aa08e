import { optionalDuration, section } from './units.ts'

/** `store.retention` and `tenants[].retention`. */
export const retention = section({
  records: optionalDuration(
    'How long calls stay, with their ladders, events, transcripts and recordings; absent: for ever.',
  ),
  transcripts: optionalDuration(
    'How long it stays what was said, pressed and noted in a call, where that is shorter; absent: as long as the call.',
  ),
})
