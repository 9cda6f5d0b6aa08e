/** How long something is kept, in ms; null: for ever. */
export interface Retention {
  /** Records of calls, with all that belongs to them. */
  readonly recordsMs: number | null
  /** What was said, pressed and noted in them. */
  readonly transcriptsMs: number | null
}

/** Whose calls a retention is for: those of `tenants`, or of everybody but them, which includes calls of no tenant. */
export interface Scope {
  readonly tenants: readonly string[]
  readonly isAllBut: boolean
}

/** What is due to be removed: of these calls, whatever began before `before`. */
export interface Removal {
  readonly what: 'records' | 'transcripts'
  readonly scope: Scope
  readonly before: Date
}

export interface RetentionPolicy {
  /** Of whoever has none of their own. */
  readonly common: Retention
  readonly tenants: readonly { readonly id: string; readonly retention: Retention | null }[]
}

/**
 * What a policy has removed at a time. Tenants that keep things equally long are one scope; where whole records go, their transcripts are not
 * removed first.
 */
export function removalsOf({ common, tenants }: RetentionPolicy, now: Date): readonly Removal[] {
  const own = tenants.flatMap(({ id, retention }) => (retention === null ? [] : [{ id, retention }]))
  const scopes = new Map<string, { readonly retention: Retention; readonly tenants: string[] }>()
  for (const { id, retention } of own) {
    const alike = `${retention.recordsMs} ${retention.transcriptsMs}`
    const scope = scopes.get(alike)
    if (scope === undefined) scopes.set(alike, { retention, tenants: [id] })
    else scope.tenants.push(id)
  }
  const kept = [...scopes.values()].map(({ retention, tenants }) => ({
    retention,
    scope: { tenants, isAllBut: false },
  }))
  const rest = { retention: common, scope: { tenants: own.map(({ id }) => id), isAllBut: true } }
  return [...kept, rest].flatMap(({ retention, scope }) => {
    const { recordsMs, transcriptsMs } = retention
    const removals: Removal[] = []
    if (recordsMs !== null) removals.push({ what: 'records', scope, before: new Date(now.getTime() - recordsMs) })
    if (transcriptsMs !== null && (recordsMs === null || transcriptsMs < recordsMs))
      removals.push({ what: 'transcripts', scope, before: new Date(now.getTime() - transcriptsMs) })
    return removals
  })
}

/** How long a recording is kept whose record may go earlier; null: for ever. */
export const recordingKeptMs = (
  recordingMs: number | null,
  { recordsMs }: Pick<Retention, 'recordsMs'>,
): number | null =>
  recordingMs === null || recordsMs === null ? (recordingMs ?? recordsMs) : Math.min(recordingMs, recordsMs)
