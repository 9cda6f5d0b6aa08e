-- Writes SIP messages of calls; one that is stored already stays as it is.
-- $1: JSON array of {sequence, callId, ordinal, trace: SipTrace}
-- Returns nothing.
insert into sip_messages (call_id, ordinal, at, direction, protocol, local, remote, message)
select entry."callId", entry.ordinal, t.at, t.direction, t.protocol, t.local, t.remote, t.message
from json_to_recordset($1::json) as entry("callId" text, ordinal integer, trace json),
  json_to_record(entry.trace) as t(
    at timestamptz, direction text, protocol text, local text, remote text, message text
  )
on conflict (call_id, ordinal) do nothing
