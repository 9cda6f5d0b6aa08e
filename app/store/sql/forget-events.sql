-- Removes events of no call that are older than records are kept, a bounded number at once.
-- $1: tenants, $2: whether all events but theirs are meant, $3: only before this time, $4: how many at most
-- Returns {removed}: how many.
with gone as (
  delete from call_events where (node, sequence, at) in (
    select node, sequence, at from call_events
    where at < $3 and call_id is null and coalesce(tenant = any($1::text[]), false) <> $2
    order by at
    limit $4
    for update skip locked
  )
  returning 1
)
select count(*)::int as removed from gone
