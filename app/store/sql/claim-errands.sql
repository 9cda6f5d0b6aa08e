-- Leases errands whose next attempt is due to a node, those that another one leased and did not begin in time too.
-- $1 how many at most, $2 leased for (ms)
-- Returns their rows.
update errands set
  version = version + 1,
  leased_until = clock_timestamp() + $2::float8 * interval '1 ms'
where id in (
  select id from errands
  where state = 'waiting' and due_at <= clock_timestamp()
    and (leased_until is null or leased_until <= clock_timestamp())
  order by due_at
  limit $1
  for update skip locked
)
returning *, clock_timestamp() as now
