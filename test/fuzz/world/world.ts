import type { AccessSnapshot, SipCounters } from '../../../app/sip/server-options.ts'
import { SipStack } from '../../../app/sip/sip-stack.ts'
import { RFC_3261_TIMING } from '../../../lib/sip/transaction/timing.ts'
import { VirtualMachine } from '../../helpers/virtual-machine.ts'
import { Prng } from '../prng.ts'
import { APP_SECRET } from './app.ts'
import { SERVER } from './peers.ts'

/** A server with all around it, in which sequences are played one after the other. */
export interface World {
  /** Messages that went in and out. */
  readonly messages: number
  /** Plays one sequence to its end. Throws where anything is left over when nothing can be going on any more. */
  play(prng: Prng): Promise<void>
  close(): Promise<void>
}

/** Longer than anything the server waits for: destinations in turn with timer C each, and a call that rings on. */
export const LONG_MS = 3_600_000

export const EVERYBODY: AccessSnapshot = { allowAll: true, sources: [], unknown: 'reject' }

/** One send in so many fails. */
const FAILING = 60

/** What of the counters has to be zero when nothing goes on. */
const ENDING = [
  'serverTransactions',
  'clientTransactions',
  'pendingRequests',
  'outgoingRequests',
  'proxiedRequests',
] as const

/** The whole SIP server in a machine without sockets and clock; its admin port alone is real. */
export class Ground {
  readonly stack: SipStack
  readonly machine: VirtualMachine
  readonly adminPort: number

  static async open(): Promise<Ground> {
    const machine = new VirtualMachine(new Prng(1), FAILING)
    const started = await SipStack.start(
      {
        listen: [
          { protocol: 'udp', host: SERVER, port: 5060 },
          { protocol: 'tcp', host: SERVER, port: 5060 },
          { protocol: 'tls', host: SERVER, port: 5061 },
        ],
        advertise: undefined,
        secret: APP_SECRET,
        adminHost: '127.0.0.1',
        adminPort: 0,
        userAgent: 'fuzz',
        minSessionS: 90,
        timing: RFC_3261_TIMING,
        tls: undefined,
        trace: undefined,
      },
      machine.host,
    )
    if (!started.ok) throw new Error(started.error.message)
    started.value.stack.gate.set(EVERYBODY)
    return new Ground(started.value.stack, machine, started.value.adminPort)
  }

  private constructor(stack: SipStack, machine: VirtualMachine, adminPort: number) {
    this.stack = stack
    this.machine = machine
    this.adminPort = adminPort
  }

  async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    await this.machine.advance(ms, settle)
  }

  /** Waits out refreshes of sessions that are under way at that very moment. */
  async untilQuiet(settle: () => Promise<void>): Promise<void> {
    for (let i = 0; i < 20 && this.#left(ENDING) !== ''; i++) await this.pass(71_000, settle)
  }

  assertQuiet(when: string, more: readonly (keyof SipCounters)[] = []): void {
    const left = this.#left([...ENDING, ...more])
    if (left !== '') throw new Error(`left ${when}: ${left}`)
  }

  #left(names: readonly (keyof SipCounters)[]): string {
    const counters = this.stack.counters()
    return names.flatMap((name) => (counters[name] === 0 ? [] : [`${name} ${counters[name]}`])).join(', ')
  }
}
