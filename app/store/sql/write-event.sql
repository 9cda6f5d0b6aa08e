-- Writes events; one that is stored already stays as it is.
-- $1: JSON array of {sequence, event: TandemEvent}
-- Returns nothing.
insert into call_events (node, sequence, at, name, level, call_id, trunk, tenant, event)
select e.node, entry.sequence, e.at, e.event, e.level, e.call, e.trunk, e.tenant, entry.event
from json_to_recordset($1::json) as entry(sequence bigint, event json),
  json_to_record(entry.event) as e(
    node text, at timestamptz, event text, level text, call text, trunk text, tenant text
  )
on conflict (node, sequence, at) do nothing
