import assert from 'node:assert/strict'
import type { TlsMaterial } from '../../../app/sip/server.ts'
import { Authority } from '../../helpers/certificates.ts'
import { addressOf, emptied, type Station, sdp, station } from './rig.ts'
import type { SrfDialog, SrfError } from './srf.ts'

describe('calls by the published drachtio-srf over TLS', function () {
  this.timeout(15_000)
  let authority: Authority
  const open: Station[] = []

  before(() => {
    authority = new Authority()
  })

  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
  })

  after(() => authority.close())

  async function secure(subjectAltName: string): Promise<Station> {
    const { cert, key } = authority.issue(subjectAltName)
    const tls: TlsMaterial = { cert, key, ca: authority.cert, verifyClient: false, hosts: [] }
    const one = await station({ listen: ['udp:127.0.0.1:0', 'tls:127.0.0.1:0'], tls })
    open.push(one)
    return one
  }

  it('are answered, acknowledged and ended over one connection, with Via and Contact that say so', async () => {
    const [alice, bob] = [await secure('IP:127.0.0.1'), await secure('IP:127.0.0.1')]
    let [via, contact] = ['', '']
    const answered = new Promise<SrfDialog>((resolve, reject) => {
      bob.srf.invite((req, res) => {
        ;[via, contact] = [req.get('Via'), req.get('Contact')]
        bob.srf.createUAS(req, res, { localSdp: sdp(4000) }).then(resolve, reject)
      })
    })
    const uri = `sip:bob@${addressOf(bob.server, 'tls')};transport=tls`
    const uac = await alice.srf.createUAC(uri, { localSdp: sdp(5000) })
    const uas = await answered
    assert.match(via, /^SIP\/2\.0\/TLS 127\.0\.0\.1:\d+;/)
    assert.match(contact, /<sip:.*;transport=tls>/)
    const destroyed = new Promise<void>((resolve) => uac.once('destroy', () => resolve()))
    // The BYE of who was called: over the connection of the caller, who could prove no name.
    await uas.destroy()
    await destroyed
    await Promise.all([emptied(alice.server), emptied(bob.server)])
  })

  it('are refused by 503 where the other end does not prove the name, and nothing is sent there', async () => {
    const [alice, bob] = [await secure('IP:127.0.0.1'), await secure('DNS:bob.example.net')]
    let asked = 0
    bob.srf.invite(() => {
      asked += 1
    })
    const uri = `sips:bob@${addressOf(bob.server, 'tls')}`
    await assert.rejects(alice.srf.createUAC(uri, { localSdp: sdp(5000) }), (error: SrfError) => error.status === 503)
    assert.equal(asked, 0)
  })

  it('go to an address that the application has found for a name, which has to be proven there', async () => {
    const [alice, bob] = [await secure('IP:127.0.0.1'), await secure('DNS:bob.example.net')]
    bob.srf.invite((req, res) => void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }))
    const proxy = `sip:${addressOf(bob.server, 'tls')};transport=tls`
    const uac = await alice.srf.createUAC('sip:bob@bob.example.net', { localSdp: sdp(5000), proxy })
    await uac.destroy()
    const call = alice.srf.createUAC('sip:bob@alice.example.net', { localSdp: sdp(5000), proxy })
    await assert.rejects(call, (error: SrfError) => error.status === 503)
  })
})
