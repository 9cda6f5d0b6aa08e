import {
  type SubscriptionKey,
  subscriptionKey,
  subscriptionSeconds,
  subscriptionState,
} from '../../lib/sip/subscription.ts'
import { exchangeMs } from '../../lib/sip/transaction/timing.ts'
import type { DialogRecord, SubscriptionsOfDialog } from './dialog-store.ts'
import { Alarm } from './scheduler.ts'
import type { StackContext } from './stack-context.ts'

/** Subscriptions that one dialog may carry (our policy). */
const MAX_SUBSCRIPTIONS = 16

/** The methods that open a dialog for NOTIFYs (RFC 6665 §4.1.2, RFC 3515 §2.4.4). */
export const SUBSCRIBING: ReadonlySet<string> = new Set(['SUBSCRIBE', 'REFER'])

/** A header of a message, by its name. */
type Header = (name: string) => string | undefined

const keyOf = (notify: Header): SubscriptionKey => subscriptionKey('NOTIFY', notify('Event'))

const isTerminated = (notify: Header): boolean => subscriptionState(notify('Subscription-State')) === 'terminated'

interface Subscription {
  readonly key: SubscriptionKey
  readonly alarm: Alarm
}

/**
 * The subscriptions of one dialog that no INVITE has opened: it lives as long as any of them (RFC 6665 §4.4.1). One that is neither
 * refreshed nor ended by a NOTIFY in time goes by itself.
 */
class DialogSubscriptions implements SubscriptionsOfDialog {
  readonly #stack: StackContext
  readonly #record: DialogRecord
  readonly #all: Subscription[] = []

  constructor(stack: StackContext, record: DialogRecord) {
    this.#stack = stack
    this.#record = record
  }

  stop(): void {
    for (const { alarm } of this.#all.splice(0)) alarm.set(undefined)
  }

  /** Begins a subscription, or gives one more time. */
  extend(key: SubscriptionKey, seconds: number): void {
    const known = this.#find(key)
    if (known === undefined && this.#all.length >= MAX_SUBSCRIPTIONS) return
    const subscription = known ?? { key, alarm: new Alarm(this.#stack.scheduler, () => this.#end(key)) }
    if (known === undefined) this.#all.push(subscription)
    // The NOTIFY that ends it may come a transaction later (RFC 6665 §4.1.2, Timer N).
    const { scheduler, timing } = this.#stack
    subscription.alarm.set(scheduler.nowMs() + seconds * 1000 + exchangeMs(timing))
  }

  /** A NOTIFY has passed. */
  notified(key: SubscriptionKey, state: ReturnType<typeof subscriptionState>): void {
    if (state === 'terminated') this.#end(key)
    else if (state.leftS !== undefined && this.#find(key) !== undefined) this.extend(key, state.leftS)
  }

  #end(key: SubscriptionKey): void {
    const found = this.#find(key)
    if (found === undefined) return
    found.alarm.set(undefined)
    this.#all.splice(this.#all.indexOf(found), 1)
    if (this.#all.length === 0) this.#stack.dialogs.remove(this.#record)
  }

  /** The first NOTIFYs of a REFER may or may not name it by an id: the only one of its package is meant. */
  #find({ event, id }: SubscriptionKey): Subscription | undefined {
    const ofPackage = this.#all.filter(({ key }) => key.event === event)
    return ofPackage.find(({ key }) => key.id === id) ?? (event === 'refer' ? ofPackage[0] : undefined)
  }
}

/** The dialogs that SUBSCRIBE and REFER open, from either side. */
export class Subscriptions {
  readonly #stack: StackContext

  constructor(stack: StackContext) {
    this.#stack = stack
  }

  /** The dialog is there for the sake of subscriptions. */
  begin(record: DialogRecord): void {
    record.subscriptions = new DialogSubscriptions(this.#stack, record)
  }

  /**
   * A 2xx to a SUBSCRIBE or REFER. Nothing in the dialog of an INVITE, which lives until its BYE.
   *
   * @param asked headers of the request @param granted headers of the 2xx
   */
  accepted(record: DialogRecord, method: string, asked: Header, granted: Header): void {
    if (!SUBSCRIBING.has(method)) return
    const seconds = subscriptionSeconds(granted('Expires') ?? asked('Expires'))
    record.subscriptions?.extend(subscriptionKey(method, asked('Event')), seconds)
  }

  /** A NOTIFY of ours has its final answer: a peer that knows no such subscription has ended it (RFC 6665 §4.2.2). */
  answered(record: DialogRecord, header: Header, status: number): void {
    const isOver = status === 481 || (status !== 401 && status !== 407 && isTerminated(header))
    if (isOver) record.subscriptions?.notified(keyOf(header), 'terminated')
  }

  /** A NOTIFY of the peer. */
  notified(record: DialogRecord, header: Header): void {
    const state = subscriptionState(header('Subscription-State'))
    record.subscriptions?.notified(keyOf(header), state)
  }
}
