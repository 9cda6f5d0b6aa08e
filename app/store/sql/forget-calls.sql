-- Removes ended calls that began long ago, with all that belongs to them, a bounded number at once. A call whose session is
-- not over yet stays.
-- $1: tenants, $2: whether all calls but theirs are meant, $3: only ids above this, $4: only ids below this, $5: how many at most
-- Returns {seen, removed, last}: how many, twice, and the highest of their ids.
with gone as (
  delete from calls where id in (
    select c.id from calls c
    where c.id > $3 and c.id < $4 and c.state = 'ended' and coalesce(c.tenant = any($1::text[]), false) <> $2
      and not exists (select from sessions s where s.id = c.session_id and s.state <> 'ended')
    order by c.id
    limit $5
    for update of c skip locked
  )
  returning id, session_id
),
attempts_gone as (delete from attempts where call_id = any(array(select id from gone))),
turns_gone as (delete from turns where call_id = any(array(select id from gone))),
sip_gone as (delete from sip_messages where call_id = any(array(select id from gone))),
events_gone as (delete from call_events where call_id = any(array(select id from gone))),
items_gone as (
  delete from session_items
  where session_id = any(array(select session_id from gone)) and call_id = any(array(select id from gone))
),
-- The call that a session was on last takes it along.
sessions_gone as (delete from sessions where call_id = any(array(select id from gone)))
select count(*)::int as seen, count(*)::int as removed, max(id) as last from gone
