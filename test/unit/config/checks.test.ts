import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { formatProblem } from '../../../lib/config/problem.ts'

/** A config that is right, to which each case adds what is wrong. */
const RIGHT = {
  agents: { a: { backend: 'local' } },
  trunks: [
    { id: 'alpha', sources: ['192.0.2.1'] },
    { id: 'beta', sources: ['192.0.2.2'] },
  ],
  groups: { us: { trunks: ['alpha', 'beta'] } },
  tenants: [{ id: 'clinic', group: 'us', agent: 'a', numbers: ['+12025550100'] }],
}

function told(change: object): string {
  const result = parseConfig(JSON.stringify({ ...RIGHT, ...change }), { env: {}, file: 'x.json' })
  return result.ok
    ? ''
    : result.error.map((problem) => formatProblem(problem).replace(/^x\.json:\d+:\d+ /, '')).join('\n')
}

const tenant = RIGHT.tenants[0]

describe('the config as a whole', () => {
  it('is right to begin with', () => {
    assert.equal(told({}), '')
  })

  const CASES: readonly (readonly [why: string, change: object, want: string | RegExp])[] = [
    [
      'DNS over TCP on the port of a SIP socket',
      {
        sip: { listen: ['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5353'] },
        dns: { listen: 'udp:127.0.0.1:5353', zone: 'sip.example.net' },
      },
      /dns\.listen: tcp:127\.0\.0\.1:5353 is a socket of sip\.listen or http\.listen already/,
    ],
    [
      'more workers than pairs of RTP ports',
      { sip: { workers: 3 }, media: { rtpPorts: '20000-20003' } },
      /sip\.workers: more than the 2 pairs of ports of media\.rtpPorts/,
    ],
    [
      'a SIP socket where a worker would have its HTTP port',
      { sip: { workers: 3, listen: ['tcp:127.0.0.1:8082'] } },
      /sip\.workers: the further processes need the ports above that of http\.listen, and 8082 is taken/,
    ],
    [
      'workers beyond the last port',
      { sip: { workers: 2 }, http: { listen: '127.0.0.1:65535' } },
      /sip\.workers: .*, and 65536 is none/,
    ],
    [
      'a tool with a name of ours',
      { agents: { a: { backend: 'local', tools: [{ name: 'send_dtmf', url: 'http://127.0.0.1/' }] } } },
      `agents.a.tools[0].name: "send_dtmf" is a tool of Tandem's own: choose another name`,
    ],
    [
      'MCP servers where nobody calls them',
      { agents: { a: { backend: 'local', mcp: [{ label: 'crm', url: 'https://192.0.2.1/' }] } } },
      'agents.a.mcp: needs a backend of kind openai, which calls these servers by itself',
    ],
    [
      'a tool whose schemas are none',
      {
        agents: {
          a: {
            backend: 'local',
            tools: [
              { name: 't', url: 'http://127.0.0.1/', parameters: { type: 'array' }, result: { required: 'name' } },
            ],
          },
        },
      },
      /tools\[0\]\.parameters: must be a JSON Schema of type: object.*\n.*tools\[0\]\.result: must be a JSON Schema \(2020-12\): \/required must be array/,
    ],
    [
      'a group with an unknown trunk',
      { groups: { us: { trunks: ['alpha', 'bta'] } } },
      'groups.us.trunks[1]: there is no trunk "bta" (did you mean beta?)',
    ],
    [
      'a group with a trunk twice',
      { groups: { us: { trunks: ['alpha', 'alpha'] } } },
      /the same trunk "alpha" stands at groups\.us\.trunks\[0\] already/,
    ],
    [
      'weights for a stranger',
      { groups: { us: { trunks: ['alpha'], weights: { beta: 1 } } } },
      /groups\.us\.weights\.beta: there is no trunk of this group "beta"/,
    ],
    [
      'a tenant of an unknown group',
      { tenants: [{ ...tenant, group: 'su' }] },
      'tenants[0].group: there is no group "su" (did you mean us?)',
    ],
    [
      'a tenant with an unknown agent',
      { tenants: [{ ...tenant, agent: 'zzz' }] },
      'tenants[0].agent: there is no agent "zzz"',
    ],
    [
      'two trunks of one name',
      { trunks: [...RIGHT.trunks, { id: 'alpha', sources: ['192.0.2.9'] }] },
      /the same trunk id "alpha" stands at trunks\[0\]\.id already/,
    ],
    ['two tenants of one name', { tenants: [tenant, { ...tenant, numbers: [] }] }, /the same tenant id "clinic"/],
    [
      'a number of two tenants',
      { tenants: [tenant, { ...tenant, id: 'other' }] },
      'tenants[1].numbers[0]: +12025550100 is a number of tenant "clinic" already',
    ],
    [
      'a number twice',
      { tenants: [{ ...tenant, numbers: ['+12025550100', '+12025550100'] }] },
      /stands in this list already/,
    ],
    [
      'a number on a trunk of another group',
      { tenants: [{ ...tenant, numbers: [{ number: '+12025550100', trunk: 'gamma' }] }] },
      /there is no trunk of group us "gamma"/,
    ],
    [
      'an SBC and a trunk at one address',
      { tenants: [{ ...tenant, sources: ['192.0.2.0/24'] }] },
      'tenants[0].sources[0]: tenant "clinic" and trunk "alpha" both take calls from 192.0.2.0, and nothing tells them apart',
    ],
    [
      'two SBCs at one address',
      {
        tenants: [
          { ...tenant, sources: ['192.0.2.9'] },
          { ...tenant, id: 'other', numbers: [], sources: ['192.0.2.9'] },
        ],
      },
      /tenant "other" and tenant "clinic" both take calls from 192\.0\.2\.9/,
    ],
    [
      'two SBCs with one user name at one host',
      {
        tenants: [
          { ...tenant, host: 'a.example', credentials: { username: 'u', password: 'secret-1' } },
          {
            ...tenant,
            id: 'other',
            numbers: [],
            host: 'A.example',
            credentials: { username: 'u', password: 'secret-2' },
          },
        ],
      },
      'tenants[1].credentials.username: tenants "clinic" and "other" have the same user name for host a.example',
    ],
    [
      "half of a tenant's own SBC",
      { tenants: [{ ...tenant, host: 'sbc.example.net' }] },
      /needs both host and credentials; credentials is missing/,
    ],
    ['a trunk that leads nowhere', { trunks: [...RIGHT.trunks, { id: 'gamma' }] }, /neither sources nor targets/],
    [
      'a redirect to who follows none',
      { trunks: [RIGHT.trunks[1], { ...RIGHT.trunks[0], onDegraded: 'redirect', follows3xx: false }] },
      /redirect needs a carrier that follows 302/,
    ],
    [
      'a probe that overtakes itself',
      { trunks: [RIGHT.trunks[1], { ...RIGHT.trunks[0], probe: { interval: '1s', timeout: '2s' } }] },
      /probe\.timeout: must be shorter than probe\.interval/,
    ],
    [
      'custom without url',
      { agents: { a: { backend: 'custom' } } },
      'agents.a: backend custom needs url, the realtime endpoint ending in /realtime',
    ],
    [
      'openai without a key',
      { agents: { a: { backend: 'openai' } } },
      /agents\.a: backend openai needs apiKey, or OPENAI_API_KEY/,
    ],
    [
      'a fallback without its url',
      { agents: { a: { backend: 'local', fallback: [{ backend: 'azure', apiKey: 'k' }] } } },
      /agents\.a\.fallback\[0\]: backend azure needs url/,
    ],
    [
      'audio batches that are no frames',
      { agents: { a: { backend: 'local', batch: '50ms' } } },
      /agents\.a\.batch: must be a multiple of 20ms/,
    ],
    [
      'tls without a certificate',
      { sip: { listen: ['tls:127.0.0.1:5061'] } },
      /sip\.listen\[0\]: a tls socket needs sip\.tls/,
    ],
    [
      'clients to verify by nobody',
      { sip: { tls: { cert: 'a.pem', key: 'b.pem', verifyClient: true } } },
      /sip\.tls\.verifyClient: needs sip\.tls\.ca/,
    ],
    [
      'a target over a transport that we do not speak',
      { trunks: [{ ...RIGHT.trunks[0], targets: [{ uri: 'sips:pbx.example.net' }] }, RIGHT.trunks[1]] },
      /trunks\[0\]\.targets\[0\]: is reached over tls, .* add "tls:HOST:PORT"/,
    ],
    [
      'one port twice',
      { sip: { listen: ['tcp:127.0.0.1:5060', 'tcp:127.0.0.1:5060'] } },
      /sip\.listen\[1\]: the same port as sip\.listen\[0\]/,
    ],
    [
      'HTTP on the port of SIP',
      { http: { listen: '127.0.0.1:5060' } },
      /http\.listen: the same port as a socket of sip\.listen/,
    ],
    [
      'a loopback address told to the world',
      { sip: { listen: ['udp:0.0.0.0:5060'] } },
      /node\.address: others are told 127\.0\.0\.1/,
    ],
    [
      'two keys of one secret',
      {
        http: {
          keys: [
            { name: 'a', key: 's3', role: 'admin' },
            { name: 'b', key: 's3', role: 'viewer' },
          ],
        },
      },
      'http.keys[1].key: the same secret stands at http.keys[0].key already',
    ],
    ['a lease shorter than the heartbeat', { fleet: { lease: '500ms' } }, /fleet\.lease: must be longer/],
  ]
  for (const [why, change, want] of CASES) {
    it(`is refused: ${why}`, () => {
      const found = told(change)
      if (typeof want === 'string') assert.equal(found, want)
      else assert.match(found, want)
    })
  }

  it('may ask for any free port more than once', () => {
    assert.equal(told({ sip: { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'] }, http: { listen: '127.0.0.1:0' } }), '')
  })
})

describe('two trunks that share a source', () => {
  const shared = (more: object, other: object = {}) => [
    { id: 'alpha', sources: ['192.0.2.1'], ...more },
    { id: 'beta', sources: ['192.0.2.1'], ...other },
  ]

  it('are an error that names both', () => {
    assert.match(
      told({ trunks: shared({}) }),
      /^trunks\[1\]\.sources\[0\]: trunks "alpha" \(trunks\[0\]\) and "beta" \(trunks\[1\]\) both take calls from 192\.0\.2\.1/,
    )
  })
  it('are told apart by port', () => {
    assert.equal(told({ trunks: shared({ sources: ['192.0.2.1:5060'] }, { sources: ['192.0.2.1:5080'] }) }), '')
  })
  it('are told apart by transport', () => {
    assert.equal(told({ trunks: shared({ sources: ['udp:192.0.2.1'] }, { sources: ['tcp:192.0.2.1'] }) }), '')
  })
  it('are told apart by the host of the request-URI', () => {
    const at = (host: string) => ({ sources: [{ address: '192.0.2.1', host }] })
    assert.equal(told({ trunks: shared(at('a.example.net'), at('b.example.net')) }), '')
    assert.match(told({ trunks: shared(at('a.example.net'), at('A.example.net')) }), /both take calls/)
  })
  it('are told apart by number, where each number lives on one of them', () => {
    const numbers = [
      { number: '+12025550100', trunk: 'alpha' },
      { number: '+12025550101', trunk: 'beta' },
    ]
    assert.equal(told({ trunks: shared({}), tenants: [{ ...tenant, numbers }] }), '')
    assert.match(
      told({ trunks: shared({}), tenants: [{ ...tenant, numbers: [...numbers, '+12025550102'] }] }),
      /both take calls/,
    )
  })
})
