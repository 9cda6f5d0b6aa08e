import { emptied, type Station, sdp, station } from './rig.ts'

/** Rounds of each kind of call. */
const ROUNDS = 15

describe('the tables of the SIP server', function () {
  this.timeout(30_000)
  let alice: Station
  let bob: Station

  before(async () => {
    alice = await station()
    bob = await station()
  })

  after(async () => {
    await alice.close()
    await bob.close()
  })

  it('are empty again after calls that were answered, refused, cancelled and ended from either side', async () => {
    bob.srf.invite(async (req, res) => {
      if (req.uri.includes('busy')) res.send(486)
      else if (req.uri.includes('ring')) res.send(180)
      else {
        const dialog = await bob.srf.createUAS(req, res, { localSdp: sdp(4000) })
        if (req.uri.includes('short')) await dialog.destroy()
      }
    })
    const call = async (user: string, protocol: 'udp' | 'tcp'): Promise<void> => {
      const uri = `sip:${user}@${bob.address(protocol)};transport=${protocol}`
      let cancel: (() => void) | undefined
      const dialog = await alice.srf.createUAC(
        uri,
        { localSdp: sdp(5000) },
        {
          cbRequest: (_err, req) => {
            cancel = () => req.cancel()
          },
          cbProvisional: (res) => {
            if (res.status === 180) cancel?.()
          },
        },
      )
      if (user === 'short') await new Promise<void>((resolve) => dialog.once('destroy', () => resolve()))
      else await dialog.destroy()
    }
    const users = ['long', 'short', 'busy', 'ring']
    const protocols = ['udp', 'tcp'] as const
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.allSettled(users.flatMap((user) => protocols.map((protocol) => call(user, protocol))))
    }
    await emptied(alice.server)
    await emptied(bob.server)
  })
})
