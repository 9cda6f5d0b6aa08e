-- Writes rows of calls; of each call the row wins that supersedesRow (lib/observe/call-record.ts) prefers, in the batch and
-- against what is stored: the highest epoch, then the end that counts most, then the highest revision.
-- A journal of a version without epochs has none. A row with a claim closes the record of a dead owner, and comes too late where somebody
-- has claimed the call since.
-- $1: JSON array of {sequence, call: CallRow, claim?: the epoch that the claim gave}
-- Returns nothing.
insert into calls as stored (
  id, revision, epoch, tenant, direction, from_number, to_number, raw, node, trunk, state, started_at, answered_at,
  ended_at, ended_by, end_sip, end_cause, sip_call_id, sip_session_id, attestation, session_id, resumed_from, agent, media, recording, errand, owner_term
)
select distinct on (c.id)
  c.id, c.revision, coalesce(c.epoch, 0), c.tenant, c.direction, c."from", c."to", c.raw, c.node, c.trunk, c.state, c."startedAt",
  c."answeredAt", c."endedAt", c."end" ->> 'by', (c."end" ->> 'sip')::integer, c."end" ->> 'cause', c.sip ->> 'callId',
  c.sip ->> 'sessionId', c.attestation, c.session ->> 'id', c.session ->> 'resumedFrom', c.agent, c.media,
  c.recording, c.errand, coalesce(entry.claim, 0)
from json_to_recordset($1::json) as entry(call json, claim bigint),
  json_to_record(entry.call) as c(
    id text, revision bigint, epoch bigint, tenant text, direction text, "from" text, "to" text, raw json, node text,
    trunk text, state text, "startedAt" timestamptz, "answeredAt" timestamptz, "endedAt" timestamptz, "end" json, sip json,
    attestation text, session json, agent json, media json, recording text, errand text
  )
order by c.id, coalesce(c.epoch, 0) desc, end_rank(c.state, c."end" ->> 'cause') desc, c.revision desc
on conflict (id) do update set
  revision = excluded.revision,
  epoch = excluded.epoch,
  tenant = excluded.tenant,
  direction = excluded.direction,
  from_number = excluded.from_number,
  to_number = excluded.to_number,
  raw = excluded.raw,
  node = excluded.node,
  trunk = excluded.trunk,
  state = excluded.state,
  started_at = excluded.started_at,
  answered_at = excluded.answered_at,
  ended_at = excluded.ended_at,
  ended_by = excluded.ended_by,
  end_sip = excluded.end_sip,
  end_cause = excluded.end_cause,
  sip_call_id = excluded.sip_call_id,
  sip_session_id = excluded.sip_session_id,
  attestation = excluded.attestation,
  session_id = excluded.session_id,
  resumed_from = excluded.resumed_from,
  agent = excluded.agent,
  media = excluded.media,
  recording = excluded.recording,
  errand = excluded.errand
where (stored.epoch, end_rank(stored.state, stored.end_cause), stored.revision)
  < (excluded.epoch, end_rank(excluded.state, excluded.end_cause), excluded.revision)
  -- What a claim gave stands here for the claim: an update leaves the column as it is.
  and excluded.owner_term in (0, stored.owner_term)
