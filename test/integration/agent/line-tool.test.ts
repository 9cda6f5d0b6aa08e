import assert from 'node:assert/strict'
import { runLineTool } from '../../../app/agent/line-tool.ts'
import type { Line, PressOutcome } from '../../../app/media/talker.ts'
import { FakeLine } from '../../helpers/fake-line.ts'

const run = (line: Line | null, name: string, args: Readonly<Record<string, unknown>> = {}) =>
  runLineTool(line, { callId: 'c1', name, arguments: args })

describe('a tool that acts on the line', () => {
  it('presses keys', () => {
    const line = new FakeLine()
    assert.deepEqual(run(line, 'send_dtmf', { digits: '42#' }), {
      callId: 'c1',
      name: 'send_dtmf',
      ok: true,
      tookMs: 0,
      output: '{"ok":true}',
    })
    assert.equal(line.pressed, '42#')
  })

  const failures: readonly (readonly [PressOutcome, RegExp])[] = [
    ['not-agreed', /the other side takes none/],
    ['refused', /too many keys wait/],
    ['unable', /on this line/],
  ]
  for (const [outcome, message] of failures) {
    it(`says why no keys were pressed: ${outcome}`, () => {
      const line = Object.assign(new FakeLine(), { press: () => outcome })
      const result = run(line, 'send_dtmf', { digits: '1' })
      assert.equal(result?.ok, false)
      assert.match(result?.output ?? '', message)
    })
  }

  it('pauses the recording and goes on with it, where there is one', () => {
    const line = new FakeLine()
    assert.equal(run(line, 'pause_recording')?.output, '{"ok":true,"recording":false}')
    assert.equal(run(line, 'resume_recording')?.output, '{"ok":true,"recording":true}')
    assert.deepEqual(line.recorded, [false, true])
    const unrecorded = Object.assign(new FakeLine(), { record: () => false })
    for (const none of [unrecorded, null])
      assert.equal(run(none, 'pause_recording')?.message, 'this call is not recorded')
  })

  it('is none of a tenant', () => assert.equal(run(new FakeLine(), 'lookup'), null))
})
