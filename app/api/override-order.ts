import type * as z from 'zod'
import type { overrideBody } from './schemas.ts'

/** What an operator orders by the body of a PUT, and who: an order without `ttlSeconds` stands until it is taken back. */
export const orderOf = ({ state, reason, ttlSeconds }: z.output<typeof overrideBody>, actor = 'unknown') => ({
  state,
  reason,
  actor,
  forMs: ttlSeconds === undefined ? null : Math.ceil(ttlSeconds * 1000),
})
