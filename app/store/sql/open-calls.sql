-- Calls that a node owns and that have not ended, with the time of the last thing that is on record about each, and who may act for it.
-- $1: the node's id, $2: whether those of its further processes (`X.w2`) are asked for too
-- Returns the columns of calls, and last_at (timestamptz, never null); oldest first.
select calls.*, greatest(
    calls.started_at,
    calls.answered_at,
    (select max(at) from call_events where call_id = calls.id),
    (select max(at) from turns where call_id = calls.id),
    (select max(at) from sip_messages where call_id = calls.id),
    (select max(started_at) from attempts where call_id = calls.id)
  ) as last_at
from calls
where state <> 'ended'
  and (
    coalesce(owner, node) = $1
    or $2 and starts_with(coalesce(owner, node), $1 || '.w') and substr(coalesce(owner, node), length($1) + 3) ~ '^[0-9]+$'
  )
order by id
