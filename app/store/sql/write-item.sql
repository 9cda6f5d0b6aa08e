-- Writes what was said in sessions; the first entry of each ordinal stays.
-- $1: JSON array of {sequence, sessionId, ordinal, callId, at, kind, item}
-- Returns nothing.
insert into session_items (session_id, ordinal, at, call_id, kind, item)
select entry."sessionId", entry.ordinal, entry.at, entry."callId", entry.kind, entry.item
from json_to_recordset($1::json) as entry(
  sequence bigint, "sessionId" text, ordinal integer, at timestamptz, "callId" text, kind text, item json
)
order by entry.sequence
on conflict (session_id, ordinal) do nothing
