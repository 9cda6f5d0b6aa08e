import assert from 'node:assert/strict'
import type { TlsMaterial } from '../../../app/sip/server.ts'
import { Authority } from '../../helpers/certificates.ts'
import { emptied, type Station, sdp, station } from './rig.ts'
import type { SrfDialog, SrfProxyOptions, SrfRequest, SrfResponse } from './srf.ts'

describe('a call that is proxied over TLS', function () {
  this.timeout(20_000)
  let alice: Station
  let proxy: Station
  let bob: Station
  let wish: SrfProxyOptions
  let onCall: (req: SrfRequest, res: SrfResponse) => void

  before(async () => {
    const authority = new Authority()
    const secure = (): Promise<Station> => {
      const { cert, key } = authority.issue('IP:127.0.0.1')
      const tls: TlsMaterial = { cert, key, ca: authority.cert, verifyClient: false, hosts: [] }
      return station({ listen: ['udp:127.0.0.1:0', 'tls:127.0.0.1:0'], tls })
    }
    ;[alice, proxy, bob] = await Promise.all([secure(), secure(), secure()])
    authority.close()
    proxy.srf.invite((req) => {
      req.proxy(wish).catch(() => {})
    })
    bob.srf.invite((req, res) => onCall(req, res))
  })

  after(async () => {
    for (const { server } of [alice, proxy, bob]) await emptied(server)
    await Promise.all([alice.close(), proxy.close(), bob.close()])
  })

  /** Places a call over the proxy, changes it from both sides and ends it from that of the callee. Returns what the callee saw. */
  async function call(uri: string, destination: string, remainInDialog: boolean) {
    wish = { destination, remainInDialog }
    const answered = new Promise<{ dialog: SrfDialog; uri: string; routes: string; via: string }>((resolve) => {
      onCall = async (req, res) => {
        const [routes, via] = [req.get('Record-Route'), req.get('Via')]
        resolve({ dialog: await bob.srf.createUAS(req, res, { localSdp: sdp(5000) }), uri: req.uri, routes, via })
      }
    })
    const near = await alice.srf.createUAC(uri, { localSdp: sdp(4000) })
    const seen = await answered
    for (const [one, other] of [
      [seen.dialog, near],
      [near, seen.dialog],
    ] as const) {
      const changed = new Promise<void>((resolve) =>
        other.once('modify', (_req, res) => {
          res.send(200, { body: sdp(6000), headers: { 'Content-Type': 'application/sdp' } })
          resolve()
        }),
      )
      await one.modify(sdp(4002))
      await changed
    }
    const ended = new Promise<void>((resolve) => near.once('destroy', () => resolve()))
    await seen.dialog.destroy()
    await ended
    return seen
  }

  it('is secure at every hop where it is to a sips URI, and so is its route', async () => {
    const uri = `sips:bob@${proxy.address('tls')}`
    const seen = await call(uri, `sips:bob@${bob.address('tls')}`, true)
    assert.equal(seen.uri, `sips:bob@${bob.address('tls')}`)
    assert.match(seen.routes, new RegExp(`^<sips:${proxy.address('tls')};lr;tt=[\\w-]+>$`))
    assert.match(seen.via, /^SIP\/2\.0\/TLS /)
  })

  it('goes on without TLS where the application says so, and the proxy stays in the dialog unasked, at either side by its own transport', async () => {
    const uri = `sip:bob@${proxy.address('tls')};transport=tls`
    const seen = await call(uri, `sip:bob@${bob.address()}`, false)
    assert.match(
      seen.routes,
      new RegExp(
        `^<sip:${proxy.address()};lr;tt=[\\w-]+>,\\s*<sip:${proxy.address('tls')};transport=tls;lr;tt=[\\w-]+>$`,
      ),
    )
    assert.match(seen.via, /^SIP\/2\.0\/UDP /)
  })

  it('reaches the next hop over TLS alone where the sips URI stays, whatever the hop says', async () => {
    wish = { destination: `sip:${bob.address()};transport=udp` }
    let asked = 0
    onCall = () => {
      asked += 1
    }
    const hop = `sip:${proxy.address('tls')};transport=tls`
    const attempt = alice.srf.createUAC(`sips:bob@${bob.address('tls')}`, { localSdp: sdp(4000), proxy: hop })
    await assert.rejects(attempt, /500/)
    assert.equal(asked, 0)
  })
})
