import { EmbeddedPostgres } from '../../app/store/embedded-postgres.ts'

/** A process that starts a PostgreSQL, says its number over IPC, and ends without a thought for it. */
const server = await EmbeddedPostgres.start({ dataDir: process.argv[2] ?? '' })
process.send?.(server.pid, () => process.exit(0))
