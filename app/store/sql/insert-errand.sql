-- Puts an errand down, its first attempt leased to the node that does so. Of two with the same key of a tenant one is put down.
-- $1 id, $2 tenant, $3 key or null, $4 request, $5 actor, $6 policy (json), $7 expires after (ms), $8 leased for (ms)
-- Returns the row, or nothing where that key is taken.
insert into errands (
  id, tenant, key, request, actor, policy, state, call_id, due_at, leased_until, history, created_at, expires_at
)
select $1, $2, $3, $4, $5, $6, 'waiting', $1, now.at, now.at + $8::float8 * interval '1 ms', '[]', now.at,
  now.at + $7::float8 * interval '1 ms'
from (select date_trunc('milliseconds', clock_timestamp()) as at) as now
on conflict (tenant, key) do nothing
returning *, created_at as now
