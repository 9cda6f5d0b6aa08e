-- Writes attempts of calls; of each the entry with the highest sequence number wins.
-- $1: JSON array of {sequence, callId, ordinal, attempt: AttemptRecord}
-- Returns nothing.
insert into attempts as stored (call_id, ordinal, sequence, trunk, target, started_at, sip, reason, pdd_ms)
select distinct on (entry."callId", entry.ordinal)
  entry."callId", entry.ordinal, entry.sequence, a.trunk, a.target, a."startedAt", a.sip, a.reason, a."pddMs"
from json_to_recordset($1::json) as entry("callId" text, ordinal integer, sequence bigint, attempt json),
  json_to_record(entry.attempt) as a(
    trunk text, target text, "startedAt" timestamptz, sip integer, reason text, "pddMs" double precision
  )
order by entry."callId", entry.ordinal, entry.sequence desc
on conflict (call_id, ordinal) do update set
  sequence = excluded.sequence,
  trunk = excluded.trunk,
  target = excluded.target,
  started_at = excluded.started_at,
  sip = excluded.sip,
  reason = excluded.reason,
  pdd_ms = excluded.pdd_ms
where stored.sequence < excluded.sequence
