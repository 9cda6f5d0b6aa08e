import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_ESL_BODY, MAX_ESL_HEADERS, takeEslMessage } from '../../../lib/media/event-socket.ts'

const REPLY = 'Content-Type: command/reply\nReply-Text: +OK accepted\n\n'
const ANSWER = 'Content-Type: api/response\nContent-Length: 5\n\ntrue\n'

describe("FreeSWITCH's event socket", () => {
  it('is read message by message, with and without a body', () => {
    const first = takeEslMessage(Buffer.from(REPLY + ANSWER))
    assert.ok(typeof first === 'object')
    assert.deepEqual(first.message, { type: 'command/reply', reply: '+OK accepted', body: '' })
    const second = takeEslMessage(first.rest)
    assert.ok(typeof second === 'object')
    assert.deepEqual(second.message, { type: 'api/response', reply: '', body: 'true\n' })
    assert.equal(second.rest.length, 0)
  })

  it('waits for the rest of a message, wherever it is cut', () => {
    for (let end = 0; end < ANSWER.length; end++) {
      assert.equal(takeEslMessage(Buffer.from(ANSWER.slice(0, end))), 'more')
    }
  })

  it('gives up on what is too long, or says no length', () => {
    assert.equal(takeEslMessage(Buffer.alloc(MAX_ESL_HEADERS + 1, 'x')), 'bad')
    for (const length of ['-1', 'x', '1.5', String(MAX_ESL_BODY + 1)]) {
      assert.equal(takeEslMessage(Buffer.from(`Content-Length: ${length}\n\n`)), 'bad', length)
    }
  })

  it('never throws, and never takes more than there is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const taken = takeEslMessage(Buffer.from(bytes))
        assert.ok(typeof taken === 'string' || taken.rest.length < bytes.length)
      }),
    )
  })
})
