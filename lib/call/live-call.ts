import * as z from 'zod'
import { callId, errandId, nodeId, sessionId, tenantId, trunkId } from '../core/ids.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { CallRow } from '../observe/call-record.ts'
import { type DialogState, readDialogState } from '../sip/dialog-state.ts'

/** Keys of the calls that are on the line somewhere in the fleet. */
export const LIVE_CALL_PREFIX = 'call:'

export const liveCallKey = (id: CallRow['id']): string => LIVE_CALL_PREFIX + id

/**
 * All that another node needs to go on with a call where its owner dies. It is put by the owner while the call is up, and may be lost without
 * harm: the call is then parked. What was said is not in it; that stands with the session in PostgreSQL.
 */
export interface LiveCall {
  /** As of the last change; node and epoch in it are the owner's. */
  readonly row: CallRow
  /** How many nodes had the call before this one. */
  readonly generation: number
  /** The agent's name in the config, the person's number as the session has it, and the facts about the call that the agent was told. */
  readonly agent: string
  readonly caller: string
  readonly variables: Readonly<Record<string, string>>
  readonly dialog: DialogState
  /** Our last session description, which the next one continues, without its keys. */
  readonly sdp: string
  /** Our keys of SRTP, wrapped: lines of that description which only nodes with the same `store.keyWrap` can read. Null: audio in clear. */
  readonly srtp: string | null
}

/** An SDP of ours has a tenth of it. */
const MAX_SDP_CHARS = 16_384
/** A key for each suite has a sixth of it. */
const MAX_WRAPPED_KEYS_CHARS = 4_096
const MAX_NAME_CHARS = 256
const MAX_TEXT_CHARS = 4_096
const MAX_VARIABLES = 128

const text = z.string().max(MAX_TEXT_CHARS)
const name = z.string().min(1).max(MAX_NAME_CHARS)
const count = z.number().int().nonnegative()
const at = z.iso.datetime().transform((iso) => new Date(iso))

const row = z.object({
  id: name.transform(callId),
  revision: count,
  epoch: count,
  tenant: name.transform(tenantId).nullable(),
  direction: z.enum(['inbound', 'outbound']),
  from: text,
  to: text,
  raw: z.object({ from: text, to: text }),
  node: name.transform(nodeId),
  trunk: name.transform(trunkId).nullable(),
  state: z.enum(['active', 'held']),
  startedAt: at,
  answeredAt: at,
  endedAt: z.null(),
  end: z.null(),
  sip: z.object({ callId: text, sessionId: text.nullable().default(null) }),
  attestation: name.nullable(),
  session: z.object({ id: name.transform(sessionId), resumedFrom: name.transform(callId).nullable() }),
  agent: z.null(),
  media: z.null(),
  recording: text.nullable(),
  // Versions before errands have none.
  errand: name.transform(errandId).nullable().default(null),
})

const entry = z.object({
  row,
  generation: count.max(1_000),
  agent: name,
  caller: text,
  variables: z
    .record(name, text)
    .refine((all) => Object.keys(all).length <= MAX_VARIABLES, `more than ${MAX_VARIABLES} variables`),
  dialog: z.unknown(),
  sdp: z.string().min(1).max(MAX_SDP_CHARS),
  srtp: z.string().max(MAX_WRAPPED_KEYS_CHARS).nullable(),
})

/** Reads what is kept under `call:<id>`, which another version may have written; why it is no use, otherwise. */
export function readLiveCall(value: unknown): Result<LiveCall, string> {
  const read = entry.safeParse(value)
  if (!read.success) {
    const [issue] = read.error.issues
    return err(`${issue?.path.join('.') ?? 'the entry'}: ${issue?.message ?? 'is no live call'}`)
  }
  const dialog = readDialogState(read.data.dialog)
  return dialog.ok ? ok({ ...read.data, dialog: dialog.value }) : err(`dialog: ${dialog.error}`)
}
