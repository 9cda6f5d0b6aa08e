import { parseMediaEngine } from '../../lib/config/engines.ts'

/** The real FreeSWITCH that tests may use, a `freeswitch://` URL; null where the variable is not set. */
export function realFreeSwitch(): {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly secret: string
} | null {
  const url = process.env.TANDEM_TEST_FREESWITCH ?? ''
  if (url === '') return null
  const engine = parseMediaEngine(url)
  const [server] = engine?.kind === 'freeswitch' ? engine.servers : []
  if (server === undefined) throw new Error(`TANDEM_TEST_FREESWITCH is no freeswitch:// URL: ${url}`)
  return { url, ...server }
}
