-- Removes errands that ended so long ago, a bounded number at once; their keys are free again.
-- $1 how many at most, $2 how long they are kept (ms)
-- Returns the ids of those that it has removed.
delete from errands where id in (
  select id from errands where ended_at <= clock_timestamp() - $2::float8 * interval '1 ms'
  order by ended_at
  limit $1
  for update skip locked
)
returning id
