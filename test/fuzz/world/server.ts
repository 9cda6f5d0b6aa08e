import type { AccessSnapshot } from '../../../app/sip/server-options.ts'
import { mutate } from '../mutate.ts'
import { Prng } from '../prng.ts'
import { SIP_CORPUS, SIP_WORDS } from '../targets/sip-message.ts'
import { FuzzApp } from './app.ts'
import { Peers, SERVER } from './peers.ts'
import { EVERYBODY, Ground, LONG_MS, type World } from './world.ts'

/** Actions of one sequence at most. */
const MAX_STEPS = 60

const PAUSES_MS = [0, 1, 60, 300, 600, 4_000, 16_000, 33_000, 70_000, 200_000, 400_000]

/** How much of an application's commands is nonsense. */
const ODD = 25

const LINES = [{ kind: 'up' }, { kind: 'up' }, { kind: 'cut' }, { kind: 'slow', delayMs: 700 }] as const

/** Who is let in: everybody, or some, and the others met with silence or 403. */
const SNAPSHOTS: readonly AccessSnapshot[] = [
  EVERYBODY,
  EVERYBODY,
  { allowAll: false, sources: ['198.51.100.1', '198.51.100.2/31', 'x/y'], unknown: 'drop' },
  { allowAll: false, sources: [], unknown: 'reject', hosts: [SERVER] },
]

/** The SIP server with an application at its admin port that says anything. */
export class ServerWorld implements World {
  readonly #ground: Ground
  #app: FuzzApp
  #prng = new Prng(1)
  #peers = new Peers(this.#prng)
  messages = 0

  static async open(): Promise<ServerWorld> {
    const ground = await Ground.open()
    return new ServerWorld(ground, await FuzzApp.connect(ground.adminPort))
  }

  private constructor(ground: Ground, app: FuzzApp) {
    this.#ground = ground
    this.#app = app
  }

  async play(prng: Prng): Promise<void> {
    const ground = this.#ground
    this.#prng = prng
    ground.machine.prng = prng
    this.#peers = new Peers(prng)
    ground.stack.gate.set(EVERYBODY)
    for (let steps = 3 + prng.below(MAX_STEPS); steps > 0; steps--) {
      await this.#act()
      await this.#settle()
    }
    ground.stack.line.set({ kind: 'up' })
    await this.#pass(LONG_MS)
    await ground.untilQuiet(() => this.#settle())
    ground.assertQuiet('an hour after the last message')
    await this.#loseApp()
    await this.#pass(LONG_MS)
    ground.assertQuiet('an hour after the application has gone', ['dialogs', 'timers', 'clients'])
    this.#app = await FuzzApp.connect(ground.adminPort)
  }

  async close(): Promise<void> {
    await this.#app.leave()
    await this.#ground.stack.close()
  }

  #pass(ms: number): Promise<void> {
    return this.#ground.pass(ms, () => this.#settle())
  }

  /** The application goes, and the server has noticed. */
  async #loseApp(): Promise<void> {
    await this.#app.leave()
    while (this.#ground.stack.counters().clients > 0) await new Promise((resolve) => setImmediate(resolve))
    await this.#settle()
  }

  /** Until nobody has anything to do but wait. */
  async #settle(): Promise<void> {
    do {
      await this.#app.quiet()
      const sent = this.#ground.machine.sent.splice(0)
      this.messages += sent.length
      this.#peers.take(sent)
    } while (this.#ground.machine.runLate())
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
        if (prng.oneIn(2)) await this.#pass(prng.pick(PAUSES_MS))
        this.#app = await FuzzApp.connect(this.#ground.adminPort, this.#app)
        break
      case 1:
        this.#ground.stack.line.set(prng.pick(LINES))
        break
      case 2:
        this.#ground.stack.gate.set(prng.pick(SNAPSHOTS))
        break
      default:
        this.#ground.stack.onTrouble()
    }
  }

  #receive(): void {
    const prng = this.#prng
    const { bytes, arrival } = this.#peers.speak()
    const changed = prng.oneIn(5) ? mutate(prng.oneIn(2) ? [bytes] : [bytes, ...SIP_CORPUS], SIP_WORDS, prng) : bytes
    this.messages += 1
    this.#ground.stack.onMessage(Buffer.from(changed), arrival)
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
    else if (what === 10 && prng.oneIn(4)) this.#import()
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

  /** A dialog that another server had; peers know nothing of it. */
  #import(): void {
    const prng = this.#prng
    const [role, callId] = [prng.pick(['uac', 'uas']), `imported-${prng.below(4)}`]
    const state = {
      ...{ role, callId, localTag: 'mine', remoteTag: 'theirs', localSeq: prng.below(1000), remoteSeq: null },
      local: '<sip:a@198.51.100.9>;tag=mine',
      remote: `<${this.#uri()}>;tag=theirs`,
      remoteTarget: this.#uri(),
      routeSet: prng.oneIn(3) ? [`<${this.#uri()};lr>`, '<sip:r@198.51.100.2;lr>'] : [],
    }
    const json = Buffer.from(JSON.stringify(state))
    const text = (prng.oneIn(ODD) ? mutate([json], SIP_WORDS, prng).toString('latin1') : json.toString()).replace(
      /[\r\n]/g,
      '',
    )
    this.#app.command(`dialog|import|${text}`)
    this.#app.dialogIds.push(`${callId};from-tag=${role === 'uac' ? 'mine' : 'theirs'}`)
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
