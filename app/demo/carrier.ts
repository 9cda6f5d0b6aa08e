import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type CarrierFault, objectionTo } from '../../lib/demo/carrier-fault.ts'
import { isLoopback, loopbackHost } from '../../lib/demo/loopback.ts'
import { withDeadline } from '../deadline.ts'
import type { CarrierProcessOptions, FromCarrier, ToCarrier } from './carrier-messages.ts'
import type { CallEnd, Carrier, CarrierCall, CarrierEvent, PlacedCall } from './carrier-port.ts'

export interface CarrierOptions {
  readonly id: string
  /** An address of this machine, 127.0.0.0/8 or `::1`, that is the carrier's alone. */
  readonly host: string
  readonly port: number
  /** From the 180 to the 200; 200 ms by default. */
  readonly ringMs?: number
  /** A callee hangs up this long after the answer; by default only Tandem ends the calls that it places. */
  readonly talkMs?: number
}

const DEFAULT_RING_MS = 200
/** Hanging up takes half a second at most; a process that is still there after this is killed. */
const CLOSE_MS = 3_000
const MAX_CALL_SECONDS = 600
/** What is known of the end of a call whose carrier was killed. */
const CUT_OFF: CallEnd = { packetsIn: 0, longestGapMs: 0, by: 'carrier' }

/** Starts a simulated carrier; resolves when it takes calls. Rejects where its address is taken, or is not of this machine. */
export async function startCarrier(options: CarrierOptions): Promise<Carrier> {
  const { id, host, port, ringMs = DEFAULT_RING_MS, talkMs = null } = options
  if (!isLoopback(host)) throw new Error(`a simulated carrier listens on this machine alone, and ${host} is not it`)
  const carrier = new CarrierProcess({ id, host: host.replace(/^\[|\]$/g, ''), port, ringMs, talkMs })
  await carrier.revive()
  return carrier
}

interface Pending {
  resolve(reply: FromCarrier): void
  reject(error: Error): void
}

/** The parent's end of a carrier's process. */
class CarrierProcess implements Carrier {
  readonly #options: CarrierProcessOptions
  readonly #listeners = new Set<(event: CarrierEvent) => void>()
  readonly #pending = new Map<number, Pending>()
  readonly #ends = new Map<number, (end: CallEnd) => void>()
  #child: ChildProcess | null = null
  #requests = 0

  constructor(options: CarrierProcessOptions) {
    this.#options = options
  }

  get id(): string {
    return this.#options.id
  }

  get uri(): string {
    const { host, port } = this.#options
    return `sip:${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  async setFault(fault: CarrierFault): Promise<void> {
    const objection = objectionTo(fault)
    if (objection !== undefined) throw new Error(objection)
    await this.#ask((request) => ({ kind: 'fault', request, fault }))
  }

  async place(call: CarrierCall): Promise<PlacedCall> {
    if (loopbackHost(call.uri) === undefined) throw new Error(`${call.uri} is not on this machine`)
    if (!(call.seconds > 0 && call.seconds <= MAX_CALL_SECONDS)) throw new Error(`no call takes ${call.seconds} s`)
    let onEnd: (end: CallEnd) => void = () => undefined
    const ended = new Promise<CallEnd>((resolve) => {
      onEnd = resolve
    })
    const reply = await this.#ask((request) => {
      this.#ends.set(request, onEnd)
      return { kind: 'place', request, call }
    })
    if (reply.kind !== 'placed') throw new Error(`the carrier said ${reply.kind} to a call`)
    return { ...reply.placed, ended }
  }

  onEvent(listener: (event: CarrierEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async revive(): Promise<void> {
    if (this.#child !== null) return
    const child = fork(new URL('./carrier-process.js', import.meta.url), [JSON.stringify(this.#options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: ['--max-semi-space-size=4'],
    })
    this.#child = child
    child.once('exit', () => this.#onExit())
    const started = new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`carrier ${this.id} ended at its start with ${code}`)))
      child.on('message', (message: FromCarrier) => {
        if (message.kind === 'ready') resolve()
        else if (message.kind === 'broken') reject(new Error(`carrier ${this.id} did not start: ${message.message}`))
        else this.#onMessage(message)
      })
    })
    await started
  }

  async freeze(): Promise<void> {
    if (this.#child?.kill('SIGSTOP') !== true) throw notRunning(this.id)
  }

  async thaw(): Promise<void> {
    if (this.#child?.kill('SIGCONT') !== true) throw notRunning(this.id)
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === null) return
    child.kill('SIGCONT')
    const exited = once(child, 'exit').then(() => undefined)
    this.#send({ kind: 'close' })
    await withDeadline(exited, CLOSE_MS)
    await this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  #ask(make: (request: number) => ToCarrier): Promise<FromCarrier> {
    this.#requests += 1
    const request = this.#requests
    return new Promise((resolve, reject) => {
      this.#pending.set(request, { resolve, reject })
      if (this.#send(make(request))) return
      this.#ends.delete(request)
      this.#take(request)?.reject(notRunning(this.id))
    })
  }

  #send(message: ToCarrier): boolean {
    const child = this.#child
    if (child?.connected !== true) return false
    child.send(message)
    return true
  }

  #onMessage(message: FromCarrier): void {
    switch (message.kind) {
      case 'event':
        for (const listener of this.#listeners) listener(message.event)
        break
      case 'callEnd':
        this.#ends.get(message.request)?.(message.end)
        this.#ends.delete(message.request)
        break
      case 'failed':
        this.#ends.delete(message.request)
        this.#take(message.request)?.reject(new Error(`carrier ${this.id}: ${message.message}`))
        break
      case 'done':
      case 'placed':
        this.#take(message.request)?.resolve(message)
        break
      default:
    }
  }

  #take(request: number): Pending | undefined {
    const pending = this.#pending.get(request)
    this.#pending.delete(request)
    return pending
  }

  /** Killed, closed or crashed: what was asked is not answered any more, and all calls are cut off. */
  #onExit(): void {
    this.#child = null
    for (const request of [...this.#pending.keys()]) this.#take(request)?.reject(notRunning(this.id))
    for (const onEnd of this.#ends.values()) onEnd(CUT_OFF)
    this.#ends.clear()
  }
}

const notRunning = (id: string): Error => new Error(`carrier ${id} is not running`)
