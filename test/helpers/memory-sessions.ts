import { Sessions, type SessionsOptions } from '../../app/session/sessions.ts'

/** Sessions of calls where no store is: each call begins its own. */
export const memorySessions = (options: Pick<SessionsOptions, 'node' | 'journal' | 'tenants'>): Promise<Sessions> =>
  Sessions.start({
    ...options,
    sessions: {
      takeUp: async () => null,
      takeOver: async () => null,
      putBack: async () => undefined,
      items: async () => [],
      read: async () => null,
      park: async () => null,
    },
    shared: {
      get: async () => undefined,
      put: async () => undefined,
      delete: async () => undefined,
      publish: async () => undefined,
      subscribe: async () => async () => undefined,
      onState: () => () => undefined,
    },
    isAway: () => false,
    supersedeMs: 2_000,
    onError: (error) => {
      throw error
    },
  })
