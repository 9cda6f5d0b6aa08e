-- Writes rows of sessions; of each the highest epoch wins, and of one epoch the highest revision, in the batch and against
-- what is stored: what an owner of an older term writes comes too late.
-- $1: JSON array of {sequence, session: SessionRow}
-- Returns nothing.
insert into sessions as stored (
  id, revision, epoch, tenant, caller, agent, state, call_id, node, trunk, began_at, parked_at, resumable_until, cause,
  variables
)
select distinct on (s.id)
  s.id, s.revision, s.epoch, s.tenant, s.caller, s.agent, s.state, s."callId", s.node, s.trunk, s."beganAt",
  s."parkedAt", s."resumableUntil", s.cause, s.variables
from json_to_recordset($1::json) as entry(session json),
  json_to_record(entry.session) as s(
    id text, revision bigint, epoch bigint, tenant text, caller text, agent text, state text, "callId" text, node text,
    trunk text, "beganAt" timestamptz, "parkedAt" timestamptz, "resumableUntil" timestamptz, cause text, variables json
  )
order by s.id, s.epoch desc, s.revision desc
on conflict (id) do update set
  revision = excluded.revision,
  epoch = excluded.epoch,
  tenant = excluded.tenant,
  caller = excluded.caller,
  agent = excluded.agent,
  state = excluded.state,
  call_id = excluded.call_id,
  node = excluded.node,
  trunk = excluded.trunk,
  began_at = excluded.began_at,
  parked_at = excluded.parked_at,
  resumable_until = excluded.resumable_until,
  cause = excluded.cause,
  variables = excluded.variables
where stored.epoch < excluded.epoch or (stored.epoch = excluded.epoch and stored.revision < excluded.revision)
