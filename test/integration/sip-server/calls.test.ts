import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type Station, sdp, station } from './rig.ts'
import type { SrfApp, SrfDialog, SrfError, SrfRequest, SrfResponse } from './srf.ts'

const once = (dialog: SrfDialog, event: string): Promise<void> =>
  new Promise((resolve) => dialog.once(event, () => resolve()))

/** A dialog that an incoming call gets, as soon as it is there. */
function answering(srf: SrfApp, body = sdp(4000)): Promise<SrfDialog> {
  return new Promise((resolve, reject) => {
    srf.invite((req, res) => {
      srf.createUAS(req, res, { localSdp: body }).then(resolve, reject)
    })
  })
}

/** Joins incoming calls to others. Resolves when that is done: a BYE that comes with the last answer would find nobody who listens. */
function bridging({ srf }: Station, bridge: (req: SrfRequest, res: SrfResponse) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    srf.invite((req, res) => {
      bridge(req, res).then(resolve, reject)
    })
  })
}

describe('calls by the published drachtio-srf', function () {
  this.timeout(15_000)
  let alice: Station
  let bob: Station

  beforeEach(async () => {
    alice = await station()
    bob = await station()
  })

  afterEach(async () => {
    await alice.close()
    await bob.close()
  })

  for (const protocol of ['udp', 'tcp'] as const) {
    it(`are answered, acknowledged and ended over ${protocol}`, async () => {
      const answered = answering(bob.srf)
      const uri = `sip:bob@${bob.address(protocol)};transport=${protocol}`
      const statuses: number[] = []
      const uac = await alice.srf.createUAC(
        uri,
        { localSdp: sdp(5000), callingNumber: '+12025550101' },
        { cbProvisional: (res) => statuses.push(res.status) },
      )
      const uas = await answered
      assert.equal(uac.sip.callId, uas.sip.callId)
      assert.equal(uac.sip.localTag, uas.sip.remoteTag)
      assert.equal(uac.sip.remoteTag, uas.sip.localTag)
      assert.equal(uac.remote.sdp, sdp(4000))
      assert.equal(uas.remote.sdp, sdp(5000))
      assert.ok(statuses.every((status) => status === 100))
      const destroyed = once(uas, 'destroy')
      await uac.destroy()
      await destroyed
    })
  }

  it('are ended by the callee too', async () => {
    const answered = answering(bob.srf)
    const uac = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(5000) })
    const ended = once(uac, 'destroy')
    const uas = await answered
    await uas.destroy()
    await ended
  })

  it('tell the caller of ringing and early media before the answer', async () => {
    bob.srf.invite((req, res) => {
      res.send(180)
      res.send(183, { body: sdp(4002) })
      void bob.srf.createUAS(req, res, { localSdp: sdp(4002) })
    })
    const progress: [number, string][] = []
    const uac = await alice.srf.createUAC(
      `sip:bob@${bob.address()}`,
      { localSdp: sdp(5000) },
      { cbProvisional: (res) => progress.push([res.status, res.body ?? '']) },
    )
    // On a busy machine the application is late, and a 100 comes first.
    const rung = progress.filter(([status]) => status !== 100)
    assert.deepEqual(rung, [
      [180, ''],
      [183, sdp(4002)],
    ])
    await uac.destroy()
  })

  for (const status of [302, 404, 486, 503, 603]) {
    it(`are refused with ${status}`, async () => {
      bob.srf.invite((_req, res) => {
        res.send(status, { headers: { Contact: '<sip:bob@127.0.0.9>;q=0.5', 'X-Why': 'test' } })
      })
      const refused = alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(5000) })
      await assert.rejects(refused, (error: SrfError) => {
        assert.equal(error.status, status)
        assert.equal(error.res?.get('Contact'), '<sip:bob@127.0.0.9>;q=0.5')
        assert.equal(error.res?.get('X-Why'), 'test')
        return true
      })
    })
  }

  it('are cancelled by the caller: the callee hears of it, and the caller gets 487', async () => {
    const cancelled = new Promise<void>((resolve) => {
      bob.srf.invite((req, res) => {
        req.on('cancel', () => resolve())
        res.send(180)
      })
    })
    let sent: SrfRequest | undefined
    const failed = alice.srf.createUAC(
      `sip:bob@${bob.address()}`,
      { localSdp: sdp(5000) },
      {
        cbRequest: (_err, req) => {
          sent = req
        },
        cbProvisional: (res) => {
          if (res.status === 180) sent?.cancel()
        },
      },
    )
    await assert.rejects(failed, (error: SrfError) => error.status === 487)
    await cancelled
  })

  it('that are cancelled before anything came back are cancelled at the first provisional response', async () => {
    bob.srf.invite((req, res) => {
      req.on('cancel', () => {})
      res.send(180)
    })
    const failed = alice.srf.createUAC(
      `sip:bob@${bob.address()}`,
      { localSdp: sdp(5000) },
      { cbRequest: (_err, req) => req.cancel() },
    )
    await assert.rejects(failed, (error: SrfError) => error.status === 487)
  })

  it('change their session by a re-INVITE from either side', async () => {
    const answered = answering(bob.srf)
    const uac = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(5000) })
    const uas = await answered
    for (const [mover, other] of [
      [uac, uas],
      [uas, uac],
    ] as const) {
      const modified = new Promise<string>((resolve) => {
        other.once('modify', (req, res) => {
          res.send(200, { body: sdp(6000) })
          resolve(req.body)
        })
      })
      const acked = once(other, 'ack')
      assert.equal(await mover.modify(sdp(7000)), sdp(6000))
      assert.equal(await modified, sdp(7000))
      await acked
    }
    await uac.destroy()
  })

  it('carry INFO, OPTIONS and MESSAGE in both directions', async () => {
    const answered = answering(bob.srf)
    const uac = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(5000) })
    const uas = await answered
    for (const [from, to] of [
      [uac, uas],
      [uas, uac],
    ] as const) {
      for (const method of ['INFO', 'OPTIONS', 'MESSAGE'] as const) {
        const got = new Promise<string>((resolve) => {
          to.once(method.toLowerCase(), (req, res) => {
            resolve(req.body)
            res.send(200, { headers: { 'X-Echo': req.get('X-Ping') } })
          })
        })
        const response = await from.request({
          method,
          headers: { 'X-Ping': 'größe', 'Content-Type': 'text/plain' },
          body: 'signal=5 ☎',
        })
        assert.equal(response.status, 200)
        assert.equal(response.get('X-Echo'), 'größe')
        assert.equal(await got, 'signal=5 ☎')
      }
    }
    await uac.destroy()
  })

  it('pass a digest challenge', async () => {
    const realm = 'clinic'
    const nonce = 'f00d'
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
    const seqs: number[] = []
    bob.srf.invite((req, res) => {
      seqs.push(req.getParsedHeader('cseq').seq)
      const given = req.get('Authorization')
      if (!req.has('Authorization')) {
        res.send(401, { headers: { 'WWW-Authenticate': `Digest realm="${realm}", nonce="${nonce}", algorithm=MD5` } })
        return
      }
      const uri = /uri="([^"]+)"/.exec(given)?.[1] ?? ''
      const want = md5(`${md5(`trunk:${realm}:secret`)}:${nonce}:${md5(`INVITE:${uri}`)}`)
      if (given.includes(`response="${want}"`)) void bob.srf.createUAS(req, res, { localSdp: sdp(4000) })
      else res.send(403)
    })
    const uac = await alice.srf.createUAC(`sip:bob@${bob.address()}`, {
      localSdp: sdp(5000),
      auth: { username: 'trunk', password: 'secret' },
    })
    const [first = 0, second = 0] = seqs
    assert.equal(second, first + 1)
    await uac.destroy()
  })

  it('are bridged by createUAC and createUAS in the middle', async () => {
    const middle = await station()
    try {
      const answered = answering(bob.srf)
      // A BYE that comes with the answer to createUAS finds nobody who listens yet.
      const bridged = bridging(middle, async (req, res) => {
        const out = await middle.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: req.body })
        const back = await middle.srf.createUAS(req, res, { localSdp: out.remote.sdp })
        back.on('destroy', () => void out.destroy())
        out.on('destroy', () => void back.destroy())
      })
      const uac = await alice.srf.createUAC(`sip:bob@${middle.address()}`, { localSdp: sdp(5000) })
      const uas = await answered
      assert.equal(uac.remote.sdp, sdp(4000))
      assert.equal(uas.remote.sdp, sdp(5000))
      const gone = once(uas, 'destroy')
      await bridged
      await uac.destroy()
      await gone
    } finally {
      await middle.close()
    }
  })

  it('are bridged by createB2BUA', async () => {
    const middle = await station()
    try {
      const answered = answering(bob.srf)
      const bridged = bridging(middle, async (req, res) => {
        const { uas, uac } = await middle.srf.createB2BUA(req, res, `sip:bob@${bob.address()}`, {
          localSdpB: req.body,
        })
        uas.on('destroy', () => void uac.destroy())
        uac.on('destroy', () => void uas.destroy())
      })
      const uac = await alice.srf.createUAC(`sip:bob@${middle.address()}`, { localSdp: sdp(5000) })
      const ended = once(uac, 'destroy')
      const uas = await answered
      await bridged
      await uas.destroy()
      await ended
    } finally {
      await middle.close()
    }
  })

  it('take a delayed offer: the answer comes in the ACK', async () => {
    const acked = new Promise<string>((resolve) => {
      bob.srf.invite(async (req, res) => {
        const uas = await bob.srf.createUAS(req, res, { localSdp: sdp(4000) })
        uas.on('ack', (ack: SrfRequest) => resolve(ack.body))
      })
    })
    const pending: unknown = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { noAck: true })
    assert.ok(isDelayed(pending))
    assert.equal(pending.sdp, sdp(4000))
    const uac = await pending.ack(sdp(5000))
    assert.equal(await acked, sdp(5000))
    await uac.destroy()
  })

  it('get 408 when nobody is there, and 503 where nobody listens', async () => {
    const silent = await station()
    const address = silent.address()
    const closed = silent.address('tcp')
    await silent.close()
    const unanswered = alice.srf.createUAC(`sip:bob@${address}`, { localSdp: sdp(5000) })
    await assert.rejects(unanswered, (error: SrfError) => error.status === 408 || error.status === 503)
    const refused = alice.srf.createUAC(`sip:bob@${closed};transport=tcp`, { localSdp: sdp(5000) })
    await assert.rejects(refused, (error: SrfError) => error.status === 503)
  })

  it('get a name that does not resolve as 503', async () => {
    const unknown = alice.srf.createUAC('sip:bob@no-such-host.invalid', { localSdp: sdp(5000) })
    await assert.rejects(unknown, (error: SrfError) => error.status === 503)
  })

  it('are told by CDR events', async () => {
    const events: string[] = []
    bob.srf.on('cdr:attempt', (source: string) => events.push(`attempt ${source}`))
    bob.srf.on('cdr:start', (source: string, _time: string, role: string) => events.push(`start ${source} ${role}`))
    const stopped = new Promise<void>((resolve) => {
      bob.srf.on('cdr:stop', (source: string, _time: string, reason: string) => {
        events.push(`stop ${source} ${reason}`)
        resolve()
      })
    })
    const answered = answering(bob.srf)
    const uac = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(5000) })
    await answered
    await uac.destroy()
    await stopped
    assert.deepEqual(events, ['attempt network', 'start application uas', 'stop network normal-release'])
  })
})

interface DelayedOffer {
  readonly sdp: string
  readonly ack: (answer: string) => Promise<SrfDialog>
}

const isDelayed = (value: unknown): value is DelayedOffer =>
  typeof value === 'object' && value !== null && 'ack' in value && 'sdp' in value
