-- Calls of a node that have not ended, with the time of the last thing that is on record about each.
-- $1: the node's id
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
where node = $1 and state <> 'ended'
order by id
