import type { AccessSnapshot, SipCounters } from '../../../app/sip/server-options.ts'
import { SipStack } from '../../../app/sip/sip-stack.ts'
import { RFC_3261_TIMING } from '../../../lib/sip/transaction/timing.ts'
import { VirtualMachine } from '../../helpers/virtual-machine.ts'
import { mutate } from '../mutate.ts'
import { Prng } from '../prng.ts'
import { SIP_CORPUS, SIP_WORDS } from '../targets/sip-message.ts'
import { APP_SECRET, FuzzApp } from './app.ts'
import { Peers, SERVER } from './peers.ts'

/** One send in so many fails. */
const FAILING = 60

/** Actions of one sequence at most. */
const MAX_STEPS = 60

/** Longer than anything the server waits for: destinations in turn with timer C each, and a call that rings on. */
const LONG_MS = 3_600_000

const PAUSES_MS = [0, 1, 60, 300, 600, 4_000, 16_000, 33_000, 70_000, 200_000, 400_000]

/** How much of an application's commands is nonsense. */
const ODD = 25

const LINES = [{ kind: 'up' }, { kind: 'up' }, { kind: 'cut' }, { kind: 'slow', delayMs: 700 }] as const

const EVERYBODY: AccessSnapshot = { allowAll: true, sources: [], unknown: 'reject' }

/** Who is let in: everybody, or some, and the others met with silence or 403. */
const SNAPSHOTS: readonly AccessSnapshot[] = [
  EVERYBODY,
  EVERYBODY,
  { allowAll: false, sources: ['198.51.100.1', '198.51.100.2/31', 'x/y'], unknown: 'drop' },
  { allowAll: false, sources: [], unknown: 'reject', hosts: [SERVER] },
]

/** What of the counters has to be zero when nothing goes on. */
const ENDING = [
  'serverTransactions',
  'clientTransactions',
  'pendingRequests',
  'outgoingRequests',
  'proxiedRequests',
] as const

const leftOf = (counters: SipCounters, names: readonly (keyof SipCounters)[]): string =>
  names.flatMap((name) => (counters[name] === 0 ? [] : [`${name} ${counters[name]}`])).join(', ')

/** The whole SIP server in a machine without sockets and clock, with peers, and an application at its admin port. */
export class World {
  readonly #stack: SipStack
  readonly #machine: VirtualMachine
  readonly #adminPort: number
  #app: FuzzApp
  #prng: Prng
  #peers: Peers
  /** Messages that went in and out. */
  messages = 0

  static async open(): Promise<World> {
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
    const { stack, adminPort } = started.value
    return new World(stack, machine, adminPort, await FuzzApp.connect(adminPort))
  }

  private constructor(stack: SipStack, machine: VirtualMachine, adminPort: number, app: FuzzApp) {
    this.#stack = stack
    this.#machine = machine
    this.#adminPort = adminPort
    this.#app = app
    this.#prng = machine.prng
    this.#peers = new Peers(this.#prng)
  }

  /** Plays one sequence to its end. Throws where anything is left over when nothing can be going on any more. */
  async play(seed: number, number: number): Promise<void> {
    const prng = new Prng(seed, number, 0x50_1b)
    const { random } = Math
    Math.random = () => prng.next() / 2 ** 32
    try {
      await this.#play(prng)
    } finally {
      Math.random = random
    }
  }

  async #play(prng: Prng): Promise<void> {
    this.#prng = prng
    this.#machine.prng = prng
    this.#peers = new Peers(prng)
    this.#stack.gate.set(EVERYBODY)
    for (let steps = 3 + prng.below(MAX_STEPS); steps > 0; steps--) {
      await this.#act()
      await this.#settle()
    }
    this.#stack.line.set({ kind: 'up' })
    await this.#pass(LONG_MS)
    // A refresh of a session may be under way at that very moment.
    for (let i = 0; i < 20 && leftOf(this.#stack.counters(), ENDING) !== ''; i++) await this.#pass(71_000)
    this.#assertNone('an hour after the last message', ENDING)
    await this.#loseApp()
    await this.#pass(LONG_MS)
    this.#assertNone('an hour after the application has gone', [...ENDING, 'dialogs', 'timers', 'clients'])
    this.#app = await FuzzApp.connect(this.#adminPort)
  }

  async close(): Promise<void> {
    await this.#app.leave()
    await this.#stack.close()
  }

  #assertNone(when: string, names: readonly (keyof SipCounters)[]): void {
    const left = leftOf(this.#stack.counters(), names)
    if (left !== '') throw new Error(`left ${when}: ${left}`)
  }

  async #pass(ms: number): Promise<void> {
    await this.#machine.advance(ms, () => this.#settle())
  }

  /** The application goes, and the server has noticed. */
  async #loseApp(): Promise<void> {
    await this.#app.leave()
    while (this.#stack.counters().clients > 0) await new Promise((resolve) => setImmediate(resolve))
    await this.#settle()
  }

  /** Until nobody has anything to do but wait. */
  async #settle(): Promise<void> {
    do {
      await this.#app.quiet()
      const sent = this.#machine.sent.splice(0)
      this.messages += sent.length
      this.#peers.take(sent)
    } while (this.#machine.runLate())
  }

  async #act(): Promise<void> {
    const prng = this.#prng
    const what = prng.below(20)
    if (what < 9) this.#receive()
    else if (what < 16) this.#command()
    else if (what < 19) await this.#pass(prng.pick(PAUSES_MS))
    else await this.#disturb()
  }

  /** Something happens to the machine. */
  async #disturb(): Promise<void> {
    const prng = this.#prng
    switch (prng.below(4)) {
      case 0:
        await this.#loseApp()
        this.#app = await FuzzApp.connect(this.#adminPort)
        break
      case 1:
        this.#stack.line.set(prng.pick(LINES))
        break
      case 2:
        this.#stack.gate.set(prng.pick(SNAPSHOTS))
        break
      default:
        this.#stack.onTrouble()
    }
  }

  #receive(): void {
    const prng = this.#prng
    const { bytes, arrival } = this.#peers.speak()
    const changed = prng.oneIn(5) ? mutate(prng.oneIn(2) ? [bytes] : [bytes, ...SIP_CORPUS], SIP_WORDS, prng) : bytes
    this.messages += 1
    this.#stack.onMessage(Buffer.from(changed), arrival)
  }

  #command(): void {
    const prng = this.#prng
    const app = this.#app
    const owed = app.recent(app.requests, prng)
    const sent = app.recent(app.outgoing, prng)
    const dialogId = app.recent(app.dialogIds, prng) ?? ''
    const what = prng.below(12)
    if (owed !== undefined && what < 5) this.#respond(owed.txnId, owed.dialogId)
    else if (owed !== undefined && what < 7) this.#proxy(owed.txnId)
    else if (what < 9 && dialogId !== '') this.#inDialog(dialogId)
    else if (sent !== undefined && what === 9)
      app.command(`sip|${sent.txnId}`, this.#message('CANCEL sip:x SIP/2.0', ['Reason: SIP;cause=200']))
    else if (prng.oneIn(ODD)) app.write(Buffer.from(prng.pick(['0#', 'x', '3#a|b', '9999999#', '5#a|sip'])))
    else this.#request()
  }

  #message(startLine: string, headers: readonly string[]): Buffer {
    const prng = this.#prng
    const body = prng.oneIn(2) ? 'v=0\r\n' : ''
    const bytes = Buffer.from([startLine, ...headers, '', body].join('\r\n'))
    return prng.oneIn(ODD) ? mutate([bytes], SIP_WORDS, prng) : bytes
  }

  #respond(txnId: string, dialogId: string): void {
    const prng = this.#prng
    const status = prng.pick([100, 180, 183, 183, 200, 200, 200, 200, 202, 302, 401, 404, 486, 500, 603])
    const headers = [
      [
        'Require: 100rel',
        'Contact: <sip:localhost>',
        'To: <sip:b@x>;tag=mine',
        'Session-Expires: 90;refresher=uas',
        'Require: timer',
        'X: 1',
      ],
    ].flatMap((all) => all.filter(() => prng.oneIn(3)))
    this.#app.command(`sip|${txnId}|${dialogId}`, this.#message(`SIP/2.0 ${status} Fuzz`, headers))
  }

  #proxy(txnId: string): void {
    const prng = this.#prng
    const flag = (name: string): string => (prng.oneIn(2) ? name : '')
    const timeout = (): string => prng.pick(['', '', '500ms', '2s', '40s', 'x'])
    const targets = Array.from({ length: 1 + prng.below(4) }, () => this.#uri())
    const fields = [
      flag('remainInDialog'),
      flag('fullResponse'),
      flag('followRedirects'),
      flag('simultaneous'),
      timeout(),
      timeout(),
      ...targets,
    ]
    this.#app.command(
      `proxy|${txnId}|${fields.join('|')}`,
      this.#message('INVITE sip:x SIP/2.0', prng.oneIn(3) ? ['X-A: 1'] : []),
    )
  }

  #inDialog(dialogId: string): void {
    const prng = this.#prng
    const method = prng.pick([
      'ACK',
      'ACK',
      'BYE',
      'BYE',
      'INVITE',
      'UPDATE',
      'INFO',
      'REFER',
      'NOTIFY',
      'PRACK',
      'MESSAGE',
    ])
    const headers = method === 'PRACK' ? ['RAck: 1 1 INVITE'] : prng.oneIn(4) ? ['Session-Expires: 90'] : []
    this.#app.command(`sip||${dialogId}`, this.#message(`${method} sip:x SIP/2.0`, headers))
  }

  #request(): void {
    const prng = this.#prng
    const method = prng.pick([
      'INVITE',
      'INVITE',
      'INVITE',
      'OPTIONS',
      'REGISTER',
      'MESSAGE',
      'SUBSCRIBE',
      'BYE',
      'ACK',
    ])
    const headers = [
      [
        'From: <sip:a@localhost>',
        'Supported: 100rel',
        'Require: 100rel',
        'Session-Expires: 90',
        'Call-ID: mine',
        'CSeq: 5',
        'X: y',
      ],
    ].flatMap((all) => all.filter(() => prng.oneIn(4)))
    const proxyUri = prng.oneIn(4) ? this.#uri() : ''
    this.#app.command(`sip|||${proxyUri}`, this.#message(`${method} ${this.#uri()} SIP/2.0`, headers))
  }

  #uri(): string {
    return this.#prng.pick([
      'sip:b@198.51.100.1', 'sip:b@198.51.100.2', 'sip:b@198.51.100.3;transport=tcp', 'sips:b@198.51.100.4', 'sip:b@example.com', 'sip:b@nowhere.invalid',
      'tel:+12025550100', `sip:loop@${SERVER}`, 'sip:b@198.51.100.1:5070;lr', 'sip:b@[2001:db8::1]',
    ]) // biome-ignore format: a table
  }
}
