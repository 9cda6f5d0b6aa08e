import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { parseSipEngine } from '../../../lib/config/engines.ts'
import { describeSipServer } from '../../conformance/sip-server.ts'

const SECRET = 'cymru'

describe('the embedded SIP server', () => {
  let server: SipServer

  before(async () => {
    server = await startSipServer({
      listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'],
      secret: SECRET,
      allowAll: true,
    })
  })

  after(() => server.close())

  describeSipServer('the embedded server', () => ({ host: '127.0.0.1', port: server.adminPort, secret: SECRET }))
})

/** `drachtio://:SECRET@HOST:PORT` of a drachtio-server that serves nobody else, on loopback with a UDP and a TCP contact. */
const real = parseSipEngine(process.env.TANDEM_TEST_DRACHTIO ?? 'embedded')

if (real?.kind === 'drachtio') {
  const [place] = real.servers
  if (place !== undefined) describeSipServer('drachtio-server', () => ({ ...place, secret: real.secret }))
}
