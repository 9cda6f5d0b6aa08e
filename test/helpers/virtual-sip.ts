import assert from 'node:assert/strict'
import { SipStack } from '../../app/sip/sip-stack.ts'
import { RFC_3261_TIMING } from '../../lib/sip/transaction/timing.ts'
import { Prng } from '../fuzz/prng.ts'
import { APP_SECRET, FuzzApp } from '../fuzz/world/app.ts'
import { type Sent, VirtualMachine } from './virtual-machine.ts'

/** The SIP server in virtual time, at 192.0.2.1 by UDP, open to all, with an application that does what it is told. */
export class VirtualSip {
  readonly stack: SipStack
  readonly app: FuzzApp
  readonly #machine: VirtualMachine
  readonly #onSent: (sent: Sent) => void

  /** @param failing one send in so many fails */
  static async open(onSent: (sent: Sent) => void = () => {}, failing?: number): Promise<VirtualSip> {
    const machine = new VirtualMachine(new Prng(1), failing)
    const started = await SipStack.start(
      {
        listen: [{ protocol: 'udp', host: '192.0.2.1', port: 5060 }],
        advertise: undefined,
        secret: APP_SECRET,
        adminHost: '127.0.0.1',
        adminPort: 0,
        userAgent: undefined,
        minSessionS: 90,
        timing: RFC_3261_TIMING,
        tls: undefined,
        trace: undefined,
      },
      machine.host,
    )
    assert.ok(started.ok)
    const { stack, adminPort } = started.value
    stack.gate.set({ allowAll: true, sources: [], unknown: 'drop' })
    return new VirtualSip(stack, await FuzzApp.connect(adminPort), machine, onSent)
  }

  private constructor(stack: SipStack, app: FuzzApp, machine: VirtualMachine, onSent: (sent: Sent) => void) {
    this.stack = stack
    this.app = app
    this.#machine = machine
    this.#onSent = onSent
  }

  /** A datagram from a host's port 5060. */
  receive(bytes: Buffer | string, host: string): void {
    this.stack.onMessage(Buffer.from(bytes), {
      protocol: 'udp',
      localHost: '192.0.2.1',
      localPort: 5060,
      remoteHost: host,
      remotePort: 5060,
      flow: undefined,
    })
  }

  /** Until everybody waits. */
  async settle(): Promise<void> {
    do {
      await this.app.quiet()
      for (const sent of this.#machine.sent.splice(0)) this.#onSent(sent)
    } while (this.#machine.runLate())
  }

  async pass(seconds: number): Promise<void> {
    await this.#machine.advance(seconds * 1000, () => this.settle())
  }

  async close(): Promise<void> {
    await this.app.leave()
    await this.stack.close()
  }
}
