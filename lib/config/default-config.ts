import type { Result } from '../core/result.ts'
import { parseConfig } from './load.ts'
import type { ManagedEntry } from './managed.ts'
import type { ConfigProblem } from './problem.ts'
import type { Config, Environment } from './resolve.ts'

/**
 * What `./tandem start` runs without a config file: everything embedded, on loopback. Two example trunks that nothing
 * answers at until a carrier is simulated there, and `local`, which lets the softphone of this machine in.
 */
export const DEFAULT_CONFIG_YAML = `node:
  dataDir: ./data
agents:
  assistant:
    backend: \${TANDEM_BACKEND}
    instructions: You answer calls for a small clinic. Keep it short and friendly.
    greeting: Hello, this is the clinic. How can I help you today?
trunks:
  - id: alpha
    sources: [127.0.0.11]
    targets: [{ uri: "sip:127.0.0.11:5080" }]
    probe: { enabled: false }
  - id: beta
    sources: [127.0.0.12]
    targets: [{ uri: "sip:127.0.0.12:5080" }]
    probe: { enabled: false }
  - id: local
    sources: [127.0.0.1]
groups:
  main: { mode: warm-standby, trunks: [alpha, beta, local] }
tenants:
  - id: clinic
    group: main
    numbers: ["+15550100"]
    agent: assistant
`

/** The name of the default config in problems: it is a text and not a file. */
const NAME = 'the built-in config'

/**
 * The config of a node without a file: a local agent, or OpenAI's where the environment has an OPENAI_API_KEY. It has a
 * problem only where OPENAI_BASE_URL is unusable.
 */
export function defaultConfig(
  env: Environment,
  managed: readonly ManagedEntry[] = [],
): Result<Config, readonly ConfigProblem[]> {
  const backend = env.OPENAI_API_KEY ? 'openai' : 'local'
  return parseConfig(DEFAULT_CONFIG_YAML, { env: { ...env, TANDEM_BACKEND: backend }, file: NAME, managed })
}
