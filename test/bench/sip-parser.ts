import { createRequire } from 'node:module'
import type { Bench, BenchReport } from '../../app/commands/bench.ts'
import { buildResponse } from '../../lib/sip/build.ts'
import { markSource } from '../../lib/sip/edit.ts'
import { parseMessage } from '../../lib/sip/parser.ts'

interface DrachtioParser {
  parseSipMessage(text: string, lazy: boolean): unknown
}

function isDrachtioParser(module: unknown): module is DrachtioParser {
  return typeof module === 'object' && module !== null && 'parseSipMessage' in module
}

function loadDrachtioParser(): DrachtioParser {
  const parser: unknown = createRequire(import.meta.url)('drachtio-srf/lib/sip-parser/parser')
  if (!isDrachtioParser(parser)) throw new Error('this drachtio-srf has no parser where it used to be')
  return parser
}

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8 101\r\n'

const MESSAGES: Readonly<Record<string, Buffer>> = {
  invite: Buffer.from(
    `INVITE sip:+12025550100@198.51.100.7:5060;user=phone SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport\r
Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK87asdks7;received=192.0.2.9\r
Record-Route: <sip:192.0.2.1;lr>\r
Max-Forwards: 69\r
From: "Alice" <sip:+12025550143@192.0.2.1>;tag=1928301774\r
To: <sip:+12025550100@198.51.100.7>\r
Call-ID: a84b4c76e66710@192.0.2.1\r
CSeq: 314159 INVITE\r
Contact: <sip:+12025550143@192.0.2.9:5060;transport=udp>\r
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, PRACK\r
Supported: 100rel, timer, replaces\r
Session-Expires: 1800;refresher=uac\r
P-Asserted-Identity: <sip:+12025550143@192.0.2.1>\r
User-Agent: carrier/1.0\r
Content-Type: application/sdp\r
Content-Length: ${SDP.length}\r
\r
${SDP}`,
  ),
  options: Buffer.from(
    `OPTIONS sip:198.51.100.7:5060 SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r
Max-Forwards: 70\r
From: <sip:ping@192.0.2.1>;tag=1\r
To: <sip:198.51.100.7>\r
Call-ID: 1@192.0.2.1\r
CSeq: 1 OPTIONS\r
Content-Length: 0\r
\r
`,
  ),
}

const ROUNDS = 5
const RUNS = 10_000

/** Microseconds of processor time a run takes: the best of several rounds, as all that disturbs it makes it slower. */
function measure(run: () => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < RUNS; i++) run()
    const used = process.cpuUsage(before)
    best = Math.min(best, (used.user + used.system) / RUNS)
  }
  return best
}

/** Parses a request and makes a 302 of it, as a node that sends a caller to the standby leg does. */
function redirect(bytes: Buffer): Buffer {
  const parsed = parseMessage(bytes)
  if (!parsed.ok || parsed.value.kind !== 'request') throw new Error('the benchmark has a message that is not accepted')
  const marked = markSource(parsed.value, '192.0.2.1', 5060)
  const headers = [['Contact', '<sip:+12025550100@198.51.100.8;tandem-hop=1>']] as const
  const built = buildResponse(marked, 302, 'Moved Temporarily', { toTag: 'ours', headers })
  if (!built.ok) throw new Error(built.error.message)
  return built.value.serialize()
}

/**
 * What a SIP message costs: our parser against the one of drachtio-srf, on the same bytes in the same run. drachtio-srf's side is
 * given what it gets in life: bytes to a string, then the message with all its headers as text (`Lazy`), or parsed too (`Whole`).
 * Ours also validates the message and parses Via, From, To, CSeq, Contact and the Request-URI.
 */
export const bench: Bench = {
  description: "microseconds of CPU to parse an INVITE and an OPTIONS, and to answer 302, beside drachtio-srf's parser",
  async run(note): Promise<BenchReport> {
    const drachtio = loadDrachtioParser()
    const figures: Record<string, number> = {}
    for (const [name, bytes] of Object.entries(MESSAGES)) {
      note(name)
      const text = (): string => bytes.toString('utf8')
      const oursUs = measure(() => parseMessage(bytes))
      const lazyUs = measure(() => drachtio.parseSipMessage(text(), true))
      const wholeUs = measure(() => drachtio.parseSipMessage(text(), false))
      figures[`${name}Us`] = round(oursUs)
      figures[`${name}RedirectUs`] = round(measure(() => redirect(bytes)))
      figures[`${name}DrachtioLazyUs`] = round(lazyUs)
      figures[`${name}DrachtioWholeUs`] = round(wholeUs)
      figures[`${name}LazyRatio`] = round(lazyUs / oursUs)
      figures[`${name}WholeRatio`] = round(wholeUs / oursUs)
    }
    return { ok: true, figures }
  },
}

const round = (value: number): number => Math.round(value * 100) / 100
