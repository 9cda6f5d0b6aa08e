import type { CARRIER_DEFAULTS } from './profiles.ts'

/** A fact that a carrier, or who connects to it, has published, and the pages it was read on. */
export interface PublishedFact {
  readonly says: string
  readonly pages: readonly [string, ...string[]]
}

/** What is published of a carrier's SIP trunking. Null: nothing was found, so ask the carrier or try. */
export interface CarrierFacts {
  readonly name: string
  /** Addresses and networks that its INVITEs come from: for `sources`, after a look at the page. */
  readonly sources: readonly string[]
  readonly addresses: PublishedFact | null
  readonly media: PublishedFact | null
  readonly transport: PublishedFact | null
  /** What it does with a 302 of ours. */
  readonly redirect: PublishedFact | null
  /** Which of our answers make it try the next address or carrier, and what it tries. */
  readonly failover: PublishedFact | null
  /** Answers to our INVITEs that mean something of their own. */
  readonly answers: PublishedFact | null
  readonly limits: PublishedFact | null
}

type Carrier = Exclude<keyof typeof CARRIER_DEFAULTS, 'generic'>

/** When the pages below were last read, in copies of varying age. Carriers change them unasked: the page is right. */
export const FACTS_READ_ON = '2026-11-22'

const TELNYX_FAILOVER = 'https://developers.telnyx.com/docs/voice/sip-trunking/routing/failover-and-retries'
const TELNYX_PORTS = 'https://developers.telnyx.com/docs/voice/sip-trunking/network-configuration/ip-whitelisting'
const BANDWIDTH_OUTBOUND =
  'https://support.bandwidth.com/hc/en-us/articles/204138866-Outbound-Calling-Integration-Guide'
const SINCH_TEST_PLAN = 'https://developers.sinch.com/docs/est/test-plan'

/** Facts for whoever writes a trunk's config; nothing in the program goes by them. */
export const CARRIER_FACTS = {
  twilio: {
    name: 'Twilio Elastic SIP Trunking',
    sources: [
      '54.172.60.0/30',
      '54.244.51.0/30',
      '177.71.206.192/30',
      '54.171.127.192/30',
      '35.156.191.128/30',
      '54.65.63.192/30',
      '54.169.127.128/30',
      '54.252.254.64/30',
    ],
    addresses: {
      says:
        'North America, South America, Ireland, Germany, Japan, Singapore, Australia, in the order above, as Google lists them; ' +
        'Twilio itself wants all of them allowed, as any region may stand in for another.',
      pages: [
        'https://docs.cloud.google.com/contact-center/ccai-platform/docs/byoc-ip-allow-list',
        'https://twilio.com/docs/sip-trunking/ip-addresses',
      ],
    },
    media: {
      says: '168.86.128.0/18 in all regions, UDP 10000-60000.',
      pages: ['https://twilio.com/docs/sip-trunking/ip-addresses'],
    },
    transport: {
      says: 'With secure trunking on, TLS and SRTP are mandatory and calls over UDP or TCP are refused.',
      pages: ['https://twilio.com/docs/api/errors/32209', 'https://www.twilio.com/docs/api/errors/32207'],
    },
    redirect: {
      says:
        'Processes a 30x, within a limit of redirects, and not where the Contact is a private address or a Twilio domain ' +
        '(error 32219). Whether your trunk does is to be proven by a test call; then set follows3xx: true.',
      pages: ['https://twilio.com/docs/api/errors/32219'],
    },
    failover: {
      says:
        'Origination URIs have a priority (0 to 65535, the lowest first) and a weight (1 to 65535). An error answer, or none in time, ' +
        'leads to further attempts, each with warning 32011; no list of codes was found.',
      pages: [
        'https://www.twilio.com/docs/sip-trunking/api/origination-urls',
        'https://twilio.com/docs/api/errors/32011',
      ],
    },
    answers: {
      says: '603 with X-Twilio-Error 10001 where the account is suspended or closed: other trunks should be tried.',
      pages: ['https://twilio.com/en-us/changelog/-603-decline--response-to-termination-calls-sent-to-an-inactive-'],
    },
    limits: {
      says:
        '1 call a second per trunk and region towards Twilio unless raised; no limit on calls a second from Twilio, nor on ' +
        'concurrent calls. At most 30 calls a second between two addresses.',
      pages: [
        'https://www.twilio.com/docs/sip-trunking/cps-trunk-termination',
        'https://twilio.com/docs/sip-trunking/scale-and-limits',
        'https://www.twilio.com/docs/sip-trunking/sending-sip-to-twilio-best-practices',
      ],
    },
  },
  telnyx: {
    name: 'Telnyx SIP Trunking',
    sources: [
      '192.76.120.10',
      '64.16.250.10',
      '5.172.39.10',
      '5.172.39.25',
      '193.108.220.10',
      '193.108.220.25',
      '103.135.104.10',
      '103.135.104.25',
    ],
    addresses: {
      says:
        'Two a region: US, Europe, Canada, Australia, in the order above. Other lists name others outside the US; ' +
        'sip.telnyx.com is the one that counts.',
      pages: [TELNYX_FAILOVER, 'https://docs.cloud.google.com/contact-center/ccai-platform/docs/byoc-ip-allow-list'],
    },
    media: { says: 'UDP 16384-32768; the networks are on sip.telnyx.com.', pages: [TELNYX_PORTS] },
    transport: {
      says: 'UDP and TCP on 5060, TLS on 5061. SRTP is a setting of the connection.',
      pages: [TELNYX_PORTS, 'https://developers.telnyx.com/api-reference/ip-connections/create-an-ip-connection'],
    },
    redirect: null,
    failover: {
      says:
        '408, 480, 503, 504 and transport errors lead to the next route or signalling address; 180, 200, 404, 486 and 603 do not. ' +
        'Routes are tried in sequence or round robin, and may end in call forwarding.',
      pages: [TELNYX_FAILOVER],
    },
    answers: {
      says: '403 with D1, D2, D3 or D22: a limit of concurrent calls is reached. 404 with D18 or D19: the connection or account is off.',
      pages: ['https://developers.telnyx.com/docs/voice/sip-trunking/troubleshooting/response-codes'],
    },
    limits: {
      says: 'Concurrent calls: 2 for a new account, 10 after level 2 verification, more on request.',
      pages: ['https://developers.telnyx.com/docs/voice/sip-trunking/configuration/concurrent-limits'],
    },
  },
  bandwidth: {
    name: 'Bandwidth',
    sources: [],
    addresses: {
      says: 'Not published: a pair of SBC addresses is given out when the account is set up, and both must be let in.',
      pages: [BANDWIDTH_OUTBOUND],
    },
    media: { says: 'UDP 1024-64000, from several addresses.', pages: [BANDWIDTH_OUTBOUND] },
    transport: { says: 'UDP 5060. Nothing was found there of TLS or SRTP: ask.', pages: [BANDWIDTH_OUTBOUND] },
    redirect: null,
    failover: {
      says: 'Where all of a location’s hosts fail, the call goes to a Final Destination URI, a SIP address or a number. No list of codes was found.',
      pages: [
        'https://bandwidth.com/blog/establishing-automatic-failover-for-routing-calls-in-case-of-failure-final-destination-uri',
      ],
    },
    answers: {
      says:
        '503 is an instruction to try the next carrier, and usual with its least-cost routing product. There a higher ' +
        'calls.faultRatio and calls.consecutive keep the trunk from failing on it.',
      pages: [
        'https://support.bandwidth.com/hc/en-us/articles/29661295338007-What-does-SIP-503-Service-Unavailable-mean',
      ],
    },
    limits: null,
  },
  sinch: {
    name: 'Sinch Elastic SIP Trunking',
    sources: [],
    addresses: {
      says:
        'Two a region; the list is on the page and was not read here. For calls towards Sinch: euc1, use1, sae1, apse1 or ' +
        'apse2.sip.sinch.com, of which it recommends the name and not the address.',
      pages: ['https://developers.sinch.com/docs/voice/api-reference/sip-trunking'],
    },
    media: null,
    transport: { says: 'UDP or TCP, typically on 5060, or TLS on 5061.', pages: [SINCH_TEST_PLAN] },
    redirect: null,
    failover: {
      says: 'Endpoints have a priority, 1 first; calls go to the reachable one with the highest. No list of codes was found.',
      pages: [SINCH_TEST_PLAN],
    },
    answers: { says: '403 where our address is not on the trunk’s access list.', pages: [SINCH_TEST_PLAN] },
    limits: null,
  },
} as const satisfies Record<Carrier, CarrierFacts>

const TOPICS = [
  ['addresses', 'Signalling addresses'],
  ['media', 'Media'],
  ['transport', 'Transport, encryption'],
  ['redirect', 'A 302 of ours'],
  ['failover', 'Failover to our other addresses'],
  ['answers', 'Answers of its own'],
  ['limits', 'Limits'],
] as const

/** The facts as Markdown: a section a carrier, a row a topic. */
export function carrierReference(): string {
  const sections = Object.entries<CarrierFacts>(CARRIER_FACTS)
    .map(([profile, facts]) => {
      const rows = TOPICS.map(([key, title]) => {
        const fact = facts[key]
        return fact === null
          ? `| ${title} | nothing found |  |`
          : `| ${title} | ${fact.says} | ${fact.pages.map((page) => `<${page}>`).join(' ')} |`
      })
      const sources = facts.sources.length === 0 ? '' : `\`\`\`yaml\nsources: [${facts.sources.join(', ')}]\n\`\`\`\n\n`
      return `### \`${profile}\`: ${facts.name}\n\n${sources}| | published | read on |\n|---|---|---|\n${rows.join('\n')}`
    })
    .join('\n\n')
  return `Last read on ${FACTS_READ_ON}, in copies of varying age.\n\n${sections}`
}
