import assert from 'node:assert/strict'
import { CallRecorder } from '../../../app/signaling/call-recorder.ts'
import { SipTraceRouter } from '../../../app/signaling/sip-trace.ts'
import type { Journal } from '../../../app/store/port.ts'
import { callRow, trace } from '../../helpers/records.ts'

describe('The router of the SIP trace', () => {
  let recorded: string[]
  let router: SipTraceRouter

  beforeEach(() => {
    recorded = []
    router = new SipTraceRouter()
  })

  /** Of a call that keeps the beginning of each message. */
  function recorder(): CallRecorder {
    const nothing = (): void => undefined
    const journal: Journal = {
      call: nothing,
      attempt: nothing,
      turn: nothing,
      session: nothing,
      item: nothing,
      event: () => {
        throw new Error('the trace makes no events')
      },
      sip: (_call, _ordinal, { message }) => void recorded.push(message.slice(0, 8)),
      synced: () => Promise.resolve(),
      written: () => Promise.resolve(),
    }
    return CallRecorder.begin(journal, nothing, callRow(1))
  }

  it('gives a call the messages that came before it was known, and those that come after', () => {
    router.take('a', trace('INVITE'), 0)
    router.take('other', trace('OPTIONS'), 0)
    router.follow('a', recorder())
    router.take('a', trace('ACK'), 1)
    assert.deepEqual(recorded, ['INVITE', 'ACK'])
  })

  it('holds no memory for strangers: of what nobody asks for, only the latest few megabytes are kept', () => {
    router.take('a', trace('INVITE early'), 0)
    for (let i = 0; i < 100; i++) router.take('stranger', trace('x'.repeat(65_000)), 0)
    router.take('a', trace('INVITE late'), 0)
    router.follow('a', recorder())
    assert.deepEqual(recorded, ['INVITE l'])
  })

  it('keeps what nobody asks for no longer than a moment', () => {
    router.take('a', trace('INVITE'), 0)
    router.sweep(60_000)
    router.follow('a', recorder())
    assert.deepEqual(recorded, [])
  })

  it('takes what still comes of a call for a while after its end, and then forgets it', () => {
    router.follow('a', recorder())
    router.release('a', 0)
    router.sweep(1_000)
    router.take('a', trace('200 BYE'), 1_000)
    router.sweep(60_000)
    router.take('a', trace('late'), 60_000)
    assert.deepEqual(recorded, ['200 BYE'])
  })
})
