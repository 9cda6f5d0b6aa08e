-- Ends sessions that nobody has: live on a call that is over, or that is in another session, for a minute or longer. An answer of Postgres that was
-- lost leaves them so.
-- $1: how many at most
-- Returns the ids of those that it has ended.
update sessions set revision = revision + 1, state = 'ended'
where state = 'live' and id in (
  select sessions.id from sessions join calls on calls.id = sessions.call_id
  where sessions.state = 'live' and (
    calls.ended_at < clock_timestamp() - interval '1 minute'
    or calls.session_id <> sessions.id and calls.answered_at < clock_timestamp() - interval '1 minute'
  )
  limit $1
  for update of sessions skip locked
)
returning id
