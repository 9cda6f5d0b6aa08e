import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { parseConfig } from '../../../lib/config/load.ts'
import { formatProblem } from '../../../lib/config/problem.ts'
import type { Config } from '../../../lib/config/resolve.ts'
import { ROOT } from '../../helpers/root.ts'

/**
 * docker-compose.yml, .env.example and deploy/tandem/ belong together, and no Docker is needed to see whether they do: the
 * nodes are given what compose would give them, and their configs go through our own parser.
 */
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const scalar = z.union([z.string(), z.number()]).transform(String)
const Service = z.object({
  image: z.string(),
  restart: z.literal('unless-stopped'),
  logging: z.object({ options: z.object({ 'max-size': z.string(), 'max-file': z.string() }) }),
  deploy: z.object({ resources: z.object({ limits: z.object({ memory: z.string() }) }) }),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  profiles: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  environment: z.record(z.string(), scalar).default({}),
  stop_grace_period: z.string().optional(),
})
const { services } = z
  .object({ services: z.record(z.string(), Service) })
  .parse(parse(read('docker-compose.yml'), { merge: true }))

/** `.env.example` as compose reads it: names and what stands behind their `=`. */
const example = new Map(
  [...read('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
)
const SECRETS = [
  'TANDEM_API_KEY',
  'POSTGRES_PASSWORD',
  'REDIS_PASSWORD',
  'GRAFANA_PASSWORD',
  'DRACHTIO_SECRET',
  'FREESWITCH_PASSWORD',
]
const CARRIERS = ['OPENAI_API_KEY', 'TWILIO_USER', 'TWILIO_PASSWORD', 'TELNYX_USER', 'TELNYX_PASSWORD']

const VARIABLE = /\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g

/** A filled-in .env, put into a value as compose does. */
function interpolate(text: string, env: ReadonlyMap<string, string>): string {
  return text.replace(VARIABLE, (_, name: string, kind: string | undefined, rest: string | undefined) => {
    const value = env.get(name) ?? ''
    if (value !== '') return value
    assert.notEqual(kind, '?', `${name} must be set`)
    return rest ?? ''
  })
}

/** The config of a node as it would read it in its container. */
function configOf(service: string, file: string): Config {
  const filled = new Map([
    ...example,
    ...[...SECRETS, ...CARRIERS].map((name) => [name, `${name.length}secret`] as const),
  ])
  filled.set('TWILIO_TERMINATION', 'example.pstn.twilio.com')
  const written = Object.entries(services[service]?.environment ?? {})
  const env = Object.fromEntries(written.map(([name, value]) => [name, interpolate(value, filled)]))
  const result = parseConfig(read(file), { env, file })
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  return result.value
}

describe('docker-compose.yml', () => {
  for (const file of ['deploy/tandem/trial.yaml', 'deploy/tandem/carriers.yaml']) {
    it(`gives both nodes a config of ${file} that they take without a word, and that sets nothing without effect`, () => {
      const east = configOf('tandem-east', file)
      const west = configOf('tandem-west', file)
      assert.deepEqual([...east.notices, ...west.notices].map(formatProblem), [])
      assert.deepEqual([east.node.id, east.node.region], ['east-1', 'us-east'])
      assert.deepEqual([west.node.id, west.node.region], ['west-1', 'us-west'])
      assert.deepEqual(east.store, west.store)
      assert.deepEqual(
        east.trunks.map(({ ingress }) => ingress.text),
        east.trunks.map(() => 'sip:127.0.0.1:5060'),
      )
    })
  }

  it('lets two nodes share a host, and a single address where the SIP ports differ', () => {
    const [east, west] = ['tandem-east', 'tandem-west'].map((name) => configOf(name, 'deploy/tandem/carriers.yaml'))
    assert.ok(east !== undefined && west !== undefined)
    assert.notEqual(east.http.listen.port, west.http.listen.port)
    assert.notEqual(east.dns?.listen.port, west.dns?.listen.port)
    assert.ok(east.media.rtpPorts.to < west.media.rtpPorts.from)
    assert.equal(west.node.peers[0]?.host, east.node.address)
  })

  it('waits for a drain before it kills a node', () => {
    const { drainTimeoutMs } = configOf('tandem-east', 'deploy/tandem/carriers.yaml').node
    for (const name of ['tandem-east', 'tandem-west']) {
      const minutes = /^(\d+)m$/.exec(services[name]?.stop_grace_period ?? '')?.[1]
      assert.ok(Number(minutes) * 60_000 > drainTimeoutMs, name)
    }
  })

  it('publishes no port but on loopback, and pins every image by its version', () => {
    for (const [name, { ports, image }] of Object.entries(services)) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
      assert.match(image, /:v?\d+\.\d+(?:\.\d+)?(?:-[a-z]+)?(?:@sha256:[0-9a-f]{64})?$/, name)
    }
  })

  it('has a health check for each service that is not Tandem, whose image has its own', () => {
    const without = Object.entries(services).filter(([, { healthcheck }]) => healthcheck === undefined)
    assert.deepEqual(
      without.map(([name]) => name),
      ['tandem-east', 'tandem-west'],
    )
    assert.match(read('Dockerfile'), /^HEALTHCHECK /m)
  })

  it('runs the engines that are part of Tandem, unless a profile is asked for', () => {
    const optional = Object.entries(services).filter(([, { profiles }]) => profiles.length > 0)
    assert.deepEqual(
      optional.map(([name]) => name),
      ['drachtio-east', 'drachtio-west', 'freeswitch'],
    )
    const { sip, media } = configOf('tandem-east', 'deploy/tandem/carriers.yaml')
    assert.deepEqual([sip.engine.kind, media.engine.kind], ['embedded', 'embedded'])
  })

  it('tells the servers of the profiles what to do on loopback alone', () => {
    for (const name of ['drachtio-east', 'drachtio-west'])
      assert.equal(services[name]?.environment.DRACHTIO_ADMIN_ADDRESS, '127.0.0.1')
    const freeswitch = read('freeswitch/freeswitch.xml')
    assert.match(freeswitch, /name="listen-ip" value="127\.0\.0\.1"/)
    assert.match(freeswitch, /name="sip-ip" value="127\.0\.0\.1"/)
    const told = [...freeswitch.matchAll(/cmd="env-set" data="\w+=\$(\w+)"/g)].map(([, name]) => name)
    assert.deepEqual(told, Object.keys(services.freeswitch?.environment ?? {}))
  })

  it('mounts folders that are there', () => {
    const mounted = Object.values(services).flatMap(({ volumes }) =>
      volumes.map((volume) => volume.split(':')[0] ?? ''),
    )
    const missing = mounted.filter((path) => path.startsWith('./') && path !== './deploy/certs')
    assert.deepEqual(
      missing.filter((path) => !existsSync(join(ROOT, path))),
      [],
    )
  })
})

describe('.env.example', () => {
  it('names every variable of docker-compose.yml and no other', () => {
    const used = [...read('docker-compose.yml').matchAll(VARIABLE)].map(([, name = '']) => name)
    assert.deepEqual(new Set(example.keys()), new Set(used))
  })

  it('holds no secret, and compose does not start without those that must be there', () => {
    for (const name of [...SECRETS, ...CARRIERS]) assert.equal(example.get(name), '', name)
    const text = read('docker-compose.yml')
    for (const name of SECRETS) assert.ok(text.includes(`\${${name}:?`), name)
    assert.match(read('.gitignore'), /^\.env$/m)
    assert.match(read('.dockerignore'), /^\*$/m)
  })
})
