-- The newest of what was said in a session.
-- $1: the session's id, $2: how many at most
-- Returns kind, at, call_id, item; in the order in which they were told.
select kind, at, call_id, item from (
  select * from session_items where session_id = $1 order by ordinal desc limit $2
) as newest
order by ordinal
