import type { IdMaker } from '../../lib/sip/ids.ts'
import type { Timing } from '../../lib/sip/transaction/timing.ts'
import type { AppLink } from './app-link.ts'
import type { Cdr } from './cdr.ts'
import type { DialogStore } from './dialog-store.ts'
import type { Scheduler } from './scheduler.ts'
import type { Sockets } from './sockets.ts'
import type { TransactionLayer } from './transaction/transaction-layer.ts'
import type { WireServer } from './wire/wire-server.ts'

/** What the UAS and the UAC core of one server share. */
export interface StackContext {
  readonly scheduler: Scheduler
  readonly timing: Timing
  readonly sockets: Sockets
  readonly transactions: TransactionLayer
  readonly dialogs: DialogStore
  readonly wire: WireServer
  readonly link: AppLink
  readonly cdr: Cdr
  /** The least session interval in seconds that peers may ask for (RFC 4028 §5). */
  readonly minSessionS: number
  readonly ids: IdMaker
  /** For User-Agent and Server where the application gives none. */
  readonly userAgent: string | undefined
}
