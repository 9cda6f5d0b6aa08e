-- Removes what was said, pressed and noted in ended calls that began long ago, of a bounded number of calls at once; their records stay. A
-- call whose session is not over yet keeps it.
-- $1: tenants, $2: whether all calls but theirs are meant, $3: only ids above this, $4: only ids below this, $5: how many calls at most
-- Returns {seen, removed, last}: how many calls were looked at, of how many something was removed, and the highest of the ids.
with old as (
  select c.id, c.session_id from calls c
  where c.id > $3 and c.id < $4 and c.state = 'ended' and coalesce(c.tenant = any($1::text[]), false) <> $2
    and not exists (select from sessions s where s.id = c.session_id and s.state <> 'ended')
  order by c.id
  limit $5
),
turns_gone as (
  delete from turns where call_id = any(array(select id from old)) returning call_id
),
items_gone as (
  delete from session_items
  where session_id = any(array(select session_id from old)) and call_id = any(array(select id from old))
  returning call_id
),
-- Keys that were pressed stand in them (RFC 6086).
infos_gone as (
  delete from sip_messages where call_id = any(array(select id from old)) and message like 'INFO %' returning call_id
),
notes_gone as (
  update sessions set variables = '{}'
  where id = any(array(select session_id from old)) and state = 'ended' and variables::text <> '{}'
  returning call_id
),
events_gone as (
  delete from call_events where call_id = any(array(select id from old)) and name in ('agent.tool', 'dtmf')
  returning call_id
)
select
  (select count(*)::int from old) as seen,
  (select count(distinct call_id)::int
    from (
      table turns_gone union all table items_gone union all table infos_gone union all table notes_gone union all table events_gone
    ) every) as removed,
  (select max(id) from old) as last
