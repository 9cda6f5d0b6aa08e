import type { StoreChange } from '../../app/store/changes.ts'
import { askOnce } from '../../app/store/postmaster.ts'
import type { Store } from '../../app/store/store.ts'

/** Resolves when a store tells of this next, of whichever of its parts where none is named. */
export const nextChange = (
  store: Pick<Store, 'onState'>,
  event: StoreChange['event'],
  part?: StoreChange['part'],
): Promise<StoreChange> =>
  new Promise((resolve) => {
    const stop = store.onState((change) => {
      if (change.event !== event || (part !== undefined && change.part !== part)) return
      stop()
      resolve(change)
    })
  })

/** Takes every call, and all that belongs to calls, from a database. */
export const emptyCalls = (url: string): Promise<unknown> =>
  askOnce(url, (client) => client.query('truncate calls, attempts, turns, sip_messages, call_events'))
