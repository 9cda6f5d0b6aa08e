-- Writes turns of transcripts; of each the entry with the highest sequence number wins.
-- $1: JSON array of {sequence, callId, ordinal, turn: TurnRecord}
-- Returns nothing.
insert into turns as stored (call_id, ordinal, sequence, at, who, text)
select distinct on (entry."callId", entry.ordinal)
  entry."callId", entry.ordinal, entry.sequence, t.at, t.who, t.text
from json_to_recordset($1::json) as entry("callId" text, ordinal integer, sequence bigint, turn json),
  json_to_record(entry.turn) as t(at timestamptz, who text, text text)
order by entry."callId", entry.ordinal, entry.sequence desc
on conflict (call_id, ordinal) do update set
  sequence = excluded.sequence,
  at = excluded.at,
  who = excluded.who,
  text = excluded.text
where stored.sequence < excluded.sequence
