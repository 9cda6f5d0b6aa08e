import * as z from 'zod'
import { MANAGED_KINDS } from '../../lib/config/managed.ts'
import { ATTEMPT_OUTCOMES } from '../../lib/outbound/attempt-outcome.ts'
import { ERRAND_STATES } from '../../lib/outbound/errand.ts'
import { RETRY_REASONS } from '../../lib/outbound/retry-policy.ts'

/** What the API answers, for the OpenAPI document. The types that answers are made of live with their parts. */

const moment = z.iso.datetime()
const stream = z.object({
  packets: z.int(),
  lost: z.int(),
  jitterMs: z.number(),
  mos: z.number().nullable(),
})

const attempt = z.object({
  trunk: z.string().nullable(),
  target: z.string(),
  startedAt: moment,
  sip: z.int().nullable().describe('The final SIP status, or null where none came.'),
  reason: z.string().nullable(),
  pddMs: z.number().nullable(),
})

const turn = z.object({ at: moment, who: z.enum(['caller', 'agent', 'tool']), text: z.string() })

export const callAnswer = z
  .object({
    id: z.string().describe('A ULID.'),
    tenant: z.string().nullable(),
    direction: z.enum(['inbound', 'outbound']),
    from: z.string().describe('E.164 where it can be read as such.'),
    to: z.string(),
    raw: z.object({ from: z.string(), to: z.string() }).describe('The numbers as they came.'),
    node: z.string(),
    trunk: z.string().nullable(),
    state: z.string(),
    startedAt: moment,
    answeredAt: moment.nullable(),
    endedAt: moment.nullable(),
    end: z.object({ by: z.string(), sip: z.int().nullable(), cause: z.string() }).nullable(),
    attempts: z.array(attempt),
    sip: z.object({
      callId: z.string(),
      sessionId: z.string().nullable().describe('Session-ID (RFC 7989) as the far end was told it last.'),
    }),
    attestation: z.string().nullable(),
    session: z.object({ id: z.string(), resumedFrom: z.string().nullable() }),
    agent: z
      .object({
        backend: z.string(),
        firstAudioMs: z.number().nullable(),
        turns: z.int(),
        bargeIns: z.int(),
        reconnects: z.int(),
        tokens: z.int(),
      })
      .nullable(),
    media: z.object({ codec: z.string(), srtp: z.boolean(), in: stream, out: stream }).nullable(),
    transcript: z.array(turn),
    recording: z.string().nullable(),
    errand: z.string().nullable().describe('The errand that it was placed for, where there is one.'),
  })
  .describe('A call')

export const sessionAnswer = z
  .object({
    id: z.string().describe('A ULID: that of its first call.'),
    tenant: z.string(),
    caller: z.string().describe('The number by which a further call is known as the same person’s; empty: none.'),
    agent: z.string(),
    state: z.enum(['live', 'parked', 'ended']).describe('parked: a further call of that person takes it up.'),
    beganAt: moment,
    parkedAt: moment.nullable(),
    resumableUntil: moment.nullable(),
    cause: z.string().nullable().describe('How the last call ended; null while it is live.'),
    variables: z.record(z.string(), z.string()).describe('What the agent was told of its calls.'),
    calls: z.array(
      z.object({
        id: z.string(),
        direction: z.enum(['inbound', 'outbound']),
        node: z.string(),
        trunk: z.string().nullable(),
        startedAt: moment,
        answeredAt: moment.nullable(),
        endedAt: moment.nullable(),
        end: z.object({ by: z.string(), sip: z.int().nullable(), cause: z.string() }).nullable(),
      }),
    ),
    transcript: z.array(turn.extend({ call: z.string() })).describe('Of all its calls, as one.'),
  })
  .describe('A conversation, over all of its calls')

export const callsAnswer = z
  .object({ calls: z.array(callAnswer), next: z.string().nullable().describe('The cursor of the next page.') })
  .describe('Calls, newest first')

export const errandAnswer = z
  .object({
    id: z.string().describe('A ULID: that of its first call.'),
    tenant: z.string(),
    to: z.string(),
    from: z.string().nullable(),
    agent: z.string().nullable(),
    actor: z.string().describe('Who wanted it: the name of a key.'),
    idempotencyKey: z.string().nullable(),
    state: z.enum(ERRAND_STATES),
    reason: z.string().nullable().describe('Why it waits or how it ended, where that needs words.'),
    dueAt: moment.nullable().describe('When the next call is made.'),
    retry: z.object({
      attempts: z.int(),
      afterSec: z.number(),
      factor: z.number(),
      on: z.array(z.enum(RETRY_REASONS)),
      withinSec: z.number(),
    }),
    attempts: z
      .array(
        z.object({
          call: z.string(),
          node: z.string(),
          at: moment,
          outcome: z.enum(ATTEMPT_OUTCOMES).nullable().describe('Null: it is under way.'),
        }),
      )
      .describe('Its calls, the first one first.'),
    createdAt: moment,
    expiresAt: moment.describe('Later than this no call is made.'),
    endedAt: moment.nullable(),
  })
  .describe('A wish to reach somebody, and the calls that were made for it')

export const errandsAnswer = z
  .object({ errands: z.array(errandAnswer), next: z.string().nullable().describe('The cursor of the next page.') })
  .describe('Errands, newest first')

const trunkState = z.enum(['active', 'standby', 'failed'])

const override = z
  .object({
    state: trunkState,
    reason: z.string(),
    actor: z.string(),
    since: moment,
    expiresAt: moment.nullable().describe('Null: until it is taken back.'),
  })
  .nullable()
  .describe("An operator's word, while it holds.")

export const trunkAnswer = z
  .object({
    id: z.string(),
    carrier: z.string(),
    group: z.string().nullable(),
    state: trunkState.describe(
      "What this node goes by: the operator's word, else the worse of its own verdict and the fleet's.",
    ),
    since: moment,
    reason: z.string().nullable(),
    override,
    fleet: trunkState.describe('The worst state that more than half of the nodes with evidence report or exceed.'),
    votes: z.record(z.string(), trunkState).describe('What each node with evidence says, by node.'),
    probe: z.object({ lastOkAt: moment.nullable(), rttMs: z.number().nullable(), misses: z.int() }),
    calls: z.object({ attempts: z.int(), faults: z.int() }),
    mos: z.number().nullable(),
  })
  .describe('A trunk')

export const trunksAnswer = z.array(trunkAnswer).describe('The trunks of this node')

const backendAnswer = z.object({
  id: z.string().describe("The agent's name and the place among its backends, such as intake/0."),
  place: z.int(),
  backend: z.enum(['local', 'openai', 'azure', 'custom']),
  host: z.string(),
  model: z.string(),
  state: trunkState.describe("What calls of this node go by: the operator's word, else the evidence."),
  since: moment,
  reason: z.string().nullable(),
  channel: z.enum(['operator', 'probe', 'calls', 'account']).nullable().describe('Who decided.'),
  override,
  probe: z.object({
    lastOkAt: moment.nullable(),
    rttMs: z.number().nullable(),
    sessionMs: z.number().nullable().describe('How long the last session that was opened to probe took.'),
    misses: z.int(),
  }),
  calls: z.object({ attempts: z.int(), faults: z.int() }),
  canary: z.boolean().describe('It has failed, and is tried with one call at a time.'),
})

export const agentAnswer = z
  .object({
    name: z.string(),
    away: z.boolean().describe('Its calls would come to nothing now.'),
    backends: z.array(backendAnswer).describe("In the agent's own order."),
  })
  .describe('An agent and the servers that its calls may talk to')

export const agentsAnswer = z.array(agentAnswer).describe('The agents of this node')

export const auditAnswer = z
  .object({
    entries: z.array(
      z.object({
        sequence: z.int(),
        at: moment,
        actor: z.string().describe('The name of a key, or `system`.'),
        action: z.string(),
        subject: z.string(),
        details: z.record(z.string(), z.unknown()),
        previousHash: z.string(),
        hash: z.string().describe('SHA-256 over the hash before and every field of the entry.'),
      }),
    ),
    next: z.int().nullable().describe('`before` of the next page.'),
    brokenAt: z.int().nullable().describe('An entry that is not as it was written; null where the chain is whole.'),
  })
  .describe('Who did what, newest first')

export const nodesAnswer = z
  .array(
    z.object({
      id: z.string(),
      self: z.boolean().describe('It is the node that was asked.'),
      region: z.string(),
      address: z.string(),
      state: z.enum(['starting', 'ready', 'draining', 'lost']),
      version: z.string(),
      startedAt: moment,
      calls: z.int(),
      maxCalls: z.int(),
    }),
  )
  .describe('The nodes of the fleet')

const managedAnswer = z.object({
  kind: z.enum(MANAGED_KINDS),
  name: z.string(),
  source: z.enum(['file', 'managed']),
  shadowed: z.boolean().describe('Without effect, as the config file has the same name.'),
  version: z.int().nullable().describe('What If-Match takes in quotes; null: it is of the file.'),
  updatedAt: moment.nullable(),
  updatedBy: z.string().nullable(),
  body: z.record(z.string(), z.unknown()).nullable().describe('Secrets are {set: true}; null: it is of the file.'),
})

export const managedEntryAnswer = managedAnswer.describe('Something of the config that may be managed')

export const managedListAnswer = z
  .object({
    entries: z.array(managedAnswer),
    problems: z
      .array(z.string())
      .describe('Why the entries, as they are, are not in force on this node; empty: they are.'),
  })
  .describe('What the config file of this node has, and what is managed beside it')

export const drainAnswer = z.object({ id: z.string(), state: z.literal('draining') }).describe('The node that drains')

export const readinessAnswer = z
  .object({
    ready: z.boolean(),
    notReady: z.array(z.object({ part: z.string(), reason: z.string() })),
    parts: z.array(z.string()).describe('All that was looked at.'),
  })
  .describe('Whether a call would be served')

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.string().describe('Stable.'),
      message: z.string(),
      problems: z.array(z.string()).optional().describe('Of a config: each thing that is wrong with it.'),
    }),
  })
  .describe('What went wrong')
