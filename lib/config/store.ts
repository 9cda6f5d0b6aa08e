import { parsePostgres, parseRedis } from './engines.ts'
import { retention } from './retention.ts'
import { section } from './units.ts'
import { optional, secret, text } from './values.ts'

/** `store`: where records and the shared state live. */
export const store = section({
  postgres: text(parsePostgres, '"embedded" or postgres://USER@HOST/DATABASE')
    .prefault('embedded')
    .describe('Records: embedded (a PostgreSQL in the data folder), or postgres://USER@HOST/DATABASE.'),
  redis: text(
    parseRedis,
    '"embedded", redis://HOST, rediss://HOST, redis+sentinel://HOST,HOST/NAME or redis+cluster://HOST,HOST',
  )
    .prefault('embedded')
    .describe(
      'Shared state: embedded (in Postgres), redis://, rediss://, redis+sentinel://H1,H2/NAME or redis+cluster://H1,H2.',
    ),
  keyWrap: optional(secret).describe(
    'Secret that wraps SRTP and recording keys at rest; made into the data folder when absent. Secrets of managed entries need it here.',
  ),
  retention: retention.prefault({}).describe('How long records stay in PostgreSQL.'),
})
