import { type CallId, callId, type NodeId, type TenantId, tenantId } from '../../lib/core/ids.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { CallRecord, CallRow } from '../../lib/observe/call-record.ts'
import type { EmitEvent, EventDraft } from '../../lib/observe/event.ts'
import { isOver } from '../../lib/outbound/errand.ts'
import type { PlaceRefusal, PlaceRequest } from '../../lib/route/place.ts'
import type { TenantRoute } from '../../lib/route/snapshot.ts'
import type { ErrandActions } from '../api/options.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { firstRow } from '../signaling/first-row.ts'
import type { StoredErrand } from '../store/errand-store.ts'
import { deedNoter, notePlaced } from '../store/note-deed.ts'
import type { Store } from '../store/store.ts'
import { type ErrandCall, Errands, type ErrandsOptions } from './errands.ts'

export interface StartErrandsOptions {
  readonly self: NodeId
  readonly store: Pick<Store, 'errands' | 'state' | 'calls' | 'journal' | 'audit'>
  readonly calls: {
    place(request: PlaceRequest, options: { readonly as: ErrandCall }): Result<CallRow, PlaceRefusal>
    giveUp(call: CallId): void
    impediments(): ReadonlySet<unknown>
  }
  /** Further processes of a node begin no calls by themselves. */
  readonly isWorker: boolean
  /** Knows the tenants of the config in force. */
  readonly sessions: { readonly tenants: ReadonlyMap<TenantId, Pick<TenantRoute, 'retry'>> }
  readonly emit: EmitEvent
  readonly log: Log
}

/** Starts this node's work on the errands of the fleet. */
export function startErrands(
  { self, isWorker, store, calls, sessions, emit, log }: StartErrandsOptions,
  parts: Parts,
): ErrandActions | null {
  if (isWorker) return null
  const policyOf: ErrandsOptions['policyOf'] = (id) => sessions.tenants.get(tenantId(id))?.retry ?? null
  const isAway = (): boolean => store.state().postgresAway !== null
  const errands = new Errands({
    node: self,
    store: store.errands,
    place: (request, as) => calls.place(request, { as }),
    hangUpUnanswered: (call) => calls.giveUp(call),
    policyOf,
    isServing: () => calls.impediments().size === 0,
    isAway,
    onChanged: (stored) => emit(changedEvent(stored)),
    onError: (error) => log.log.warn({ err: error }, 'errands that are due were not looked at'),
  })
  parts.add('errands', () => errands.close())
  const note = deedNoter(store.audit, log)
  return {
    place: async (wish, actor) => {
      const placed = await errands.place(wish, actor)
      if (!placed.ok) return err(placed.error)
      const { stored, row, isNew } = placed.value
      if (row === null) return ok({ call: await firstCall(store, self, stored), isNew })
      await notePlaced(note, store.journal, { actor, call: row.id })
      return ok({ call: { ...row, attempts: [], transcript: [] }, isNew: true })
    },
    isErrand: ({ tenant }) => policyOf(tenant) !== null && !isAway(),
    read: (id) => errands.read(id),
    list: (query) => errands.list(query),
    cancel: async (id, actor) => {
      const cancelled = await errands.cancel(id, actor)
      if (cancelled !== null) note({ actor, action: 'errand.cancel', subject: id, details: {} })
      return cancelled
    },
  }
}

/** It waits for another call, or is over. */
function changedEvent({ errand, tenant }: StoredErrand): EventDraft {
  const { id, state, reason, history } = errand
  const common = { tenant: tenantId(tenant), errand: id, reason, attempts: history.length }
  return 'dueAt' in state
    ? { event: 'errand.waiting', ...common, dueAt: state.dueAt.toISOString() }
    : { event: 'errand.ended', ...common, state: state.kind }
}

/** The record of an errand's first call; as it will begin, where no call has been made or its record has not come here yet. */
async function firstCall(store: Pick<Store, 'calls'>, self: NodeId, stored: StoredErrand): Promise<CallRecord> {
  const { errand, tenant, request } = stored
  const record = await store.calls.call(callId(errand.id))
  if (record !== null) return record
  const { from = '', to }: PlaceRequest = JSON.parse(request)
  const row = firstRow({
    node: errand.history[0]?.node ?? self,
    direction: 'outbound',
    parties: { tenant: tenantId(tenant), trunk: null, from, to },
    raw: { from, to },
    sipCallId: '',
    as: { call: callId(errand.id), errand: errand.id },
  })
  const begun = { ...row, startedAt: errand.createdAt, attempts: [], transcript: [] }
  if (!isOver(errand) || !('endedAt' in errand.state)) return begun
  return { ...begun, state: 'ended', endedAt: errand.state.endedAt, end: NEVER_MADE }
}

const NEVER_MADE = { by: 'system', sip: null, cause: 'cancelled' } as const
