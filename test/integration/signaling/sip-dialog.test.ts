import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type Srf from 'drachtio-srf'
import { SipDialog } from '../../../app/signaling/sip-dialog.ts'
import { SessionIds } from '../../../lib/sip/session-id.ts'

/** As much of a dialog of drachtio-srf as is asked for here. */
class BareDialog extends EventEmitter {
  readonly sip = { callId: 'a@192.0.2.1' }
  readonly local = { contact: '<sip:192.0.2.2>' }
  /** As drachtio-srf does, which tells of an ACK a turn later. */
  handle(req: { readonly method: string }): void {
    if (req.method === 'ACK') setImmediate(() => this.emit('ack', req))
  }
}

const isDialog = (bare: unknown): bare is Srf.Dialog => bare instanceof BareDialog

function newDialog(): { readonly bare: BareDialog; readonly dialog: SipDialog } {
  const bare = new BareDialog()
  const srfs: unknown = bare
  assert.ok(isDialog(srfs))
  return { bare, dialog: new SipDialog(srfs, new Set(), new SessionIds()) }
}

const request = (source: 'network' | 'application', method = 'BYE') => ({
  ...{ source, method, body: '', get: () => undefined },
  has: (name: string) => name === 'Contact',
})

/** A request comes in the dialog. */
function comes(bare: BareDialog, method: string): void {
  const handle: unknown = Reflect.get(bare, 'handle')
  assert.ok(typeof handle === 'function')
  handle.call(bare, request('network', method), { set: () => undefined, send: () => undefined })
}

describe('A SIP dialog', () => {
  it('tells of an ACK and a BYE that came with the 200, before anybody listened', () => {
    const { bare, dialog } = newDialog()
    comes(bare, 'ACK')
    bare.emit('destroy', request('network'))
    const told: string[] = []
    dialog.onAck((answer) => told.push(`ack ${answer}`))
    dialog.onEnd((end) => told.push(end))
    assert.deepEqual(told, ['ack null', 'bye'])
  })

  it('tells of an ACK before the re-INVITE behind it, whose ACK it would be taken for', () => {
    const { bare, dialog } = newDialog()
    const told: string[] = []
    dialog.onAck(() => told.push('ack'))
    dialog.onReoffer(() => told.push('re-INVITE'))
    comes(bare, 'ACK')
    comes(bare, 'INVITE')
    assert.deepEqual(told, ['ack', 're-INVITE'])
  })

  it('tells each event once, and those that come later as they come', () => {
    const { bare, dialog } = newDialog()
    const ends: string[] = []
    dialog.onEnd((end, reason) => ends.push(`${end} ${reason}`))
    assert.deepEqual(ends, [])
    bare.emit('destroy', request('application'), 'ACK timeout')
    assert.deepEqual(ends, ['broken ACK timeout'])
  })
})
