import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type Srf from 'drachtio-srf'
import { SipDialog } from '../../../app/signaling/sip-dialog.ts'
import { SessionIds } from '../../../lib/sip/session-id.ts'

/** As much of a dialog of drachtio-srf as is asked for here. */
class BareDialog extends EventEmitter {
  readonly sip = { callId: 'a@192.0.2.1' }
  readonly local = { contact: '<sip:192.0.2.2>' }
  handle(): void {}
}

const isDialog = (bare: unknown): bare is Srf.Dialog => bare instanceof BareDialog

function newDialog(): { readonly bare: BareDialog; readonly dialog: SipDialog } {
  const bare = new BareDialog()
  const srfs: unknown = bare
  assert.ok(isDialog(srfs))
  return { bare, dialog: new SipDialog(srfs, new Set(), new SessionIds()) }
}

const request = (source: 'network' | 'application') => ({ source, body: '', has: () => false, get: () => undefined })

describe('A SIP dialog', () => {
  it('tells of an ACK and a BYE that came with the 200, before anybody listened', () => {
    const { bare, dialog } = newDialog()
    bare.emit('ack', request('network'))
    bare.emit('destroy', request('network'))
    const told: string[] = []
    dialog.onAck((answer) => told.push(`ack ${answer}`))
    dialog.onEnd((end) => told.push(end))
    assert.deepEqual(told, ['ack null', 'bye'])
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
