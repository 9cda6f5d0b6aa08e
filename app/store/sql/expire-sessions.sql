-- Ends parked sessions that nobody took up in time, a bounded number at once.
-- $1: how many at most
-- Returns the ids of those that it has ended.
update sessions set
  revision = revision + 1,
  state = 'ended',
  parked_at = null,
  resumable_until = null
where state = 'parked' and id in (
  select id from sessions where state = 'parked' and resumable_until <= clock_timestamp()
  order by resumable_until
  limit $1
  for update skip locked
)
returning id
