import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { checkCertificates } from '../../../app/check/certificates.ts'
import { certificateEnds } from '../../../app/signaling/certificate-ends.ts'
import { readTls, type TlsConfig, TlsWatch } from '../../../app/signaling/tls-files.ts'
import type { TlsMaterial } from '../../../app/sip/server.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { Authority, type Certificate } from '../../helpers/certificates.ts'

const DAY_MS = 86_400_000

describe('the files of sip.tls', () => {
  let authority: Authority
  let own: Certificate
  let config: TlsConfig

  before(() => {
    authority = new Authority()
    own = authority.issue('DNS:sip.example.net')
    config = { cert: own.certFile, key: own.keyFile, ca: authority.file, verifyClient: false, hosts: [] }
  })

  after(() => authority.close())

  it('are read, or refused with the key and the reason', () => {
    const read = readTls(config)
    assert.ok(read.ok)
    assert.equal(read.value.cert, own.cert)
    const other = authority.issue('DNS:other')
    for (const [change, want] of [
      [{ cert: '/nowhere/x.pem' }, /^sip\.tls\.cert: cannot be read: ENOENT/],
      [{ ca: '/nowhere/x.pem' }, /^sip\.tls\.ca: cannot be read/],
      [{ key: own.certFile }, /^sip\.tls: .*/],
      [{ key: other.keyFile }, /^sip\.tls: .*key values mismatch/],
      [
        { hosts: [{ names: ['b.example'], cert: other.certFile, key: own.keyFile }] },
        /^sip\.tls: b\.example: .*mismatch/,
      ],
    ] as const) {
      const refused = readTls({ ...config, ...change })
      assert.ok(!refused.ok)
      assert.match(refused.error, want)
    }
  })

  it('end when their certificates say so, each under the key that names it', () => {
    const read = readTls({ ...config, hosts: [{ names: ['b.example'], cert: own.certFile, key: own.keyFile }] })
    assert.ok(read.ok)
    const ends = certificateEnds(read.value)
    assert.deepEqual(
      ends.map(({ name }) => name),
      ['sip.tls', 'sip.tls.hosts[0]'],
    )
    assert.ok(ends.every(({ endsAtMs }) => endsAtMs > Date.now() && endsAtMs < Date.now() + 3_650 * DAY_MS))
  })

  it('are shown anew when they change, once, and never where they cannot be used', () => {
    const first = readTls(config)
    assert.ok(first.ok)
    const renewed: TlsMaterial[] = []
    const faults: string[] = []
    const onFault = (fault: string) => faults.push(fault)
    const watch = new TlsWatch({
      config,
      material: first.value,
      onRenewed: (material) => renewed.push(material),
      onFault,
    })
    watch.look()
    writeFileSync(own.certFile, own.cert.slice(0, 100))
    watch.look()
    watch.look()
    const next = authority.issue('DNS:sip.example.net')
    copyFileSync(next.certFile, own.certFile)
    copyFileSync(next.keyFile, own.keyFile)
    watch.look()
    watch.look()
    watch.close()
    assert.deepEqual(
      renewed.map(({ cert }) => cert),
      [next.cert],
    )
    assert.equal(faults.length, 1)
  })

  it('are checked for how long they are good', () => {
    const tls = { cert: own.certFile, key: own.keyFile }
    const parsed = parseConfig(JSON.stringify({ sip: { listen: ['tls:127.0.0.1:5061'], tls } }), { env: {}, file: 'x' })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    const at = (days: number) => checkCertificates(parsed.value, Date.now() + days * DAY_MS)[0]
    assert.deepEqual([at(0)?.status, at(3)?.status, at(-1)?.status], ['warning', 'error', 'error'])
    assert.match(at(0)?.detail ?? '', /DNS:sip\.example\.net; good until .*, 1 days/)
    assert.match(at(3)?.detail ?? '', /has run out/)
    assert.match(at(-1)?.detail ?? '', /not good before/)
  })
})
