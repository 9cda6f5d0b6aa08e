/** PostgreSQL 18 reads ahead with worker processes unless told otherwise; older ones do not know the setting. */
const IO_METHOD_SINCE = 18

/**
 * Command-line settings of the embedded server: small, durable, reachable over its socket alone. Statements that fail are
 * not logged, as they would show phone numbers.
 */
export function settingsFor(major: number, socketFolder: string, port: number): readonly string[] {
  const settings: Record<string, string> = {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    port: String(port),
    max_connections: '50',
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    fsync: 'on',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_parallel_workers_per_gather: '0',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    logging_collector: 'off',
    log_min_messages: 'fatal',
    log_min_error_statement: 'panic',
    ...(major >= IO_METHOD_SINCE ? { io_method: 'sync' } : {}),
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
