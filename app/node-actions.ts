import type { NodeId } from '../lib/core/ids.ts'
import type { ApiOptions, CallActions } from './api/options.ts'
import type { CallWorkers } from './call-workers.ts'
import type { Overrides } from './fleet/overrides.ts'
import { RemoteDrain } from './fleet/remote-drain.ts'
import type { Log } from './observe/log.ts'
import type { Parts } from './parts.ts'
import type { Recordings } from './recordings/recordings.ts'
import type { Calls } from './signaling/calls.ts'
import { deedNoter, notePlaced } from './store/note-deed.ts'
import type { Store } from './store/store.ts'

export interface NodeActionsOptions {
  readonly self: NodeId
  readonly store: Store
  readonly calls: Calls
  /** Other processes with calls of this node. */
  readonly workers: Pick<CallWorkers, 'obey'> | null
  readonly overrides: Overrides
  readonly recordings: Pick<Recordings, 'read'>
  /** Lets this node finish its calls and take no new ones. */
  readonly drain: () => void
  readonly log: Log
}

/** What operators can have this node do, each deed with a line in the audit. */
export async function nodeActions(
  options: NodeActionsOptions,
  parts: Parts,
): Promise<CallActions & Pick<ApiOptions, 'recording'>> {
  const { self, store, calls, workers, recordings, overrides, log } = options
  const note = deedNoter(store.audit, log)
  const drainFor = (actor: string): void => {
    note({ actor, action: 'node.drain', subject: self, details: {} })
    options.drain()
  }
  const remoteDrain = await RemoteDrain.start({ self, shared: store.shared, onAsked: drainFor })
  parts.add('remote drain', () => remoteDrain.close())
  return {
    place: async (request, actor) => {
      const placed = calls.place(request)
      if (!placed.ok) return placed
      await notePlaced(note, store.journal, { actor, call: placed.value.id })
      return placed
    },
    order: async (id, order, actor) => {
      const here = calls.obey(id, order)
      const outcome = here.kind === 'absent' ? ((await workers?.obey(id, order)) ?? here) : here
      if (outcome.kind === 'done') {
        const { kind, ...details } = order
        note({ actor, action: `call.${kind}`, subject: id, details })
      }
      return outcome
    },
    drain: async (id, actor) => {
      if (id !== self) return remoteDrain.ask(id, actor)
      drainFor(actor)
      return 'done'
    },
    recording: async (name, call, actor) => {
      const wav = await recordings.read(name, call)
      if (wav !== null) note({ actor, action: 'call.listen', subject: call, details: {} })
      return wav
    },
    override: (trunk, order) => overrides.set(trunk, order),
    clearOverride: async (trunk, actor) => void (await overrides.clear(trunk, actor)),
    overrideAgent: (agent, order) => overrides.set({ agent }, order),
    clearAgentOverride: async (agent, actor) => void (await overrides.clear({ agent }, actor)),
  }
}
