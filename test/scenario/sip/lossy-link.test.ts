import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type InviteClientInput,
  type InviteClientState,
  inviteClientDeadlineMs,
  startInviteClient,
  stepInviteClient,
} from '../../../lib/sip/transaction/invite-client.ts'
import {
  INVITE_SERVER_START,
  type InviteServerInput,
  type InviteServerState,
  inviteServerDeadlineMs,
  stepInviteServer,
} from '../../../lib/sip/transaction/invite-server.ts'
import {
  type RetransmissionState,
  retransmissionDeadlineMs,
  startRetransmission,
  stepRetransmission,
} from '../../../lib/sip/transaction/retransmission.ts'
import { exchangeMs, RFC_3261_TIMING as TIMING } from '../../../lib/sip/transaction/timing.ts'

type Packet = 'INVITE' | 'ACK' | '100' | '200' | '486'

/** How long a packet is under way. */
const DELAY_MS = 30
/** How long the callee rings. */
const RINGING_MS = 2000

interface InFlight {
  readonly atMs: number
  readonly packet: Packet
}

/**
 * A caller's and a callee's INVITE transactions with the cores above them, on a link that loses the packets whose turn
 * `lost` names, in virtual time.
 */
class Call {
  readonly #answer: '200' | '486'
  readonly #lost: ReadonlySet<number>
  #sent = 0
  #wire: InFlight[] = []
  #client: InviteClientState
  #server: InviteServerState | undefined
  #success: RetransmissionState | undefined
  #answersAtMs: number | undefined
  /** What the caller's core was told of the end, and the callee's of the handshake. */
  readonly outcomes: string[] = []
  acknowledged = false
  gaveUp = false
  nowMs = 0

  constructor(answer: '200' | '486', lost: ReadonlySet<number>) {
    this.#answer = answer
    this.#lost = lost
    const start = startInviteClient(0, TIMING)
    this.#client = start.state
    this.#send('INVITE')
  }

  /** Runs until nothing is left to happen. */
  run(): this {
    for (let next = this.#nextAtMs(); Number.isFinite(next); next = this.#nextAtMs()) {
      this.nowMs = next
      const due = this.#wire.filter(({ atMs }) => atMs <= next)
      this.#wire = this.#wire.filter(({ atMs }) => atMs > next)
      for (const { packet } of due) this.#arrive(packet)
      this.#wake()
    }
    return this
  }

  get over(): boolean {
    return this.#client.kind === 'terminated' && (this.#server === undefined || this.#server.kind === 'terminated')
  }

  #nextAtMs(): number {
    const moments = [
      ...this.#wire.map(({ atMs }) => atMs),
      inviteClientDeadlineMs(this.#client),
      this.#server && inviteServerDeadlineMs(this.#server),
      this.#success && retransmissionDeadlineMs(this.#success),
      this.#answersAtMs,
    ]
    return Math.min(...moments.map((atMs) => atMs ?? Number.POSITIVE_INFINITY))
  }

  #wake(): void {
    this.#stepClient('wake')
    this.#stepServer('wake')
    if (this.#answersAtMs !== undefined && this.#answersAtMs <= this.nowMs) {
      this.#answersAtMs = undefined
      this.#stepServer(this.#answer === '200' ? 'success' : 'failure', this.#answer)
      if (this.#answer === '200') this.#success = startRetransmission(this.nowMs, TIMING)
    }
    if (this.#success === undefined) return
    const step = stepRetransmission(this.#success, 'wake', this.nowMs, TIMING.t2Ms)
    this.#success = step.state
    for (const effect of step.effects) {
      if (effect === 'send') this.#stepServer('success', '200')
      else this.gaveUp = true
    }
  }

  #arrive(packet: Packet): void {
    switch (packet) {
      case 'INVITE':
        if (this.#server === undefined) {
          this.#server = INVITE_SERVER_START
          this.#answersAtMs = this.nowMs + RINGING_MS
          this.#stepServer('provisional', '100')
        } else this.#stepServer('invite')
        break
      case 'ACK':
        if (this.#success !== undefined) {
          this.#success = stepRetransmission(this.#success, 'acknowledged', this.nowMs, TIMING.t2Ms).state
          this.acknowledged = true
        } else this.#stepServer('ack')
        break
      case '100':
        this.#stepClient('provisional')
        break
      case '200':
        this.#stepClient('success')
        break
      default:
        this.#stepClient('failure')
    }
  }

  #stepClient(input: InviteClientInput): void {
    const step = stepInviteClient(this.#client, input, this.nowMs, TIMING)
    this.#client = step.state
    for (const effect of step.effects) {
      if (effect === 'send') this.#send('INVITE')
      else if (effect === 'ack') this.#send('ACK')
      else if (effect === 'pass' && input === 'success') {
        if (!this.outcomes.includes('200')) this.outcomes.push('200')
        this.#send('ACK')
      } else if (effect === 'pass' && input === 'failure') this.outcomes.push('486')
      else if (effect === 'timeout') this.outcomes.push('408')
    }
  }

  #latest: Packet = '100'

  #stepServer(input: InviteServerInput, response?: Packet): void {
    if (this.#server === undefined) return
    const step = stepInviteServer(this.#server, input, this.nowMs, TIMING)
    this.#server = step.state
    for (const effect of step.effects) {
      if (effect === 'send') {
        this.#latest = response ?? this.#latest
        this.#send(this.#latest)
      } else if (effect === 'noAck') this.gaveUp = true
    }
  }

  #send(packet: Packet): void {
    this.#sent += 1
    if (!this.#lost.has(this.#sent)) this.#wire.push({ atMs: this.nowMs + DELAY_MS, packet })
  }
}

const anyLoss = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 60 })

describe('an INVITE over a link that loses packets', () => {
  it('comes through untouched when nothing is lost', () => {
    const call = new Call('200', new Set()).run()
    assert.deepEqual(call.outcomes, ['200'])
    assert.ok(call.acknowledged && !call.gaveUp)
  })

  it('comes through when the first three packets are lost in each direction', () => {
    for (const answer of ['200', '486'] as const) {
      const call = new Call(answer, new Set([1, 2, 3, 5, 6])).run()
      assert.deepEqual(call.outcomes, [answer])
      assert.equal(call.gaveUp, false)
    }
  })

  for (const answer of ['200', '486'] as const) {
    it(`always ends on both sides, with one outcome for the caller, when it is answered ${answer}`, () => {
      fc.assert(
        fc.property(anyLoss, (lost) => {
          const call = new Call(answer, new Set(lost)).run()
          assert.ok(call.over)
          assert.equal(call.outcomes.length, 1)
          assert.ok(call.nowMs <= 2 * TIMING.timerCMs + 4 * exchangeMs(TIMING))
          // What the caller was told as answered, the callee knows as answered: it was acknowledged, or it gave up.
          if (call.outcomes[0] === '200') assert.ok(call.acknowledged || call.gaveUp)
        }),
      )
    })
  }

  it('loses no call to a third of all packets lost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 }), (offset) => {
        const lost = new Set(Array.from({ length: 60 }, (_, i) => i * 3 + 1 + offset))
        const call = new Call('200', lost).run()
        assert.deepEqual(call.outcomes, ['200'])
        assert.equal(call.acknowledged, true)
      }),
    )
  })
})
