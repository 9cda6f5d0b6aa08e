import assert from 'node:assert/strict'
import { signatureHeaders, toolCallKey } from '../../../lib/tool/request.ts'

describe('a request of a tool', () => {
  it('is marked by the call and the tool call, whatever the server calls that, and by nothing else', () => {
    const key = toolCallKey('01KD', 'call_1')
    assert.match(toolCallKey('01KD', 'a\r\nb: \ud800'), /^01KD-[A-Za-z0-9_-]{22}$/)
    assert.equal(toolCallKey('01KD', 'call_1'), key)
    assert.notEqual(toolCallKey('01KE', 'call_1'), key)
    assert.notEqual(toolCallKey('01KD', 'call_2'), key)
  })

  it('is signed as Standard Webhooks are: their own example', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
    assert.deepEqual(signatureHeaders(secret, { id, body: '{"test": 2432232314}', atS: 1614265330 }), {
      'webhook-id': id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it('is signed with a secret of any text by its bytes', () => {
    const of = (secret: string): string | undefined =>
      signatureHeaders(secret, { id: 'a', body: 'b', atS: 1 })['webhook-signature']
    assert.equal(of('plain'), of(`whsec_${Buffer.from('plain').toString('base64')}`))
  })
})
