-- Calls and what belongs to them, the node's events, operators' overrides, the audit chain, and shared state.
--
-- Tables that grow with traffic are partitioned by month: those of a call by ranges of its ULID, whose first ten
-- characters are its time (so the key is the id alone), events by their time. Partitions are made ahead by
-- app/store/partitions.ts; the default ones take what fits none. No foreign keys: entries of the journal arrive in
-- batches that may be replayed, and a partition must be droppable by itself. What is shown as it was written is json and
-- not jsonb, which keeps the order of fields.

create table calls (
  id text collate "C" primary key,
  revision bigint not null,
  -- Which ownership of the call wrote the row last; 0: the node that met the call.
  epoch bigint not null default 0,
  tenant text,
  direction text not null check (direction in ('inbound', 'outbound')),
  from_number text not null,
  to_number text not null,
  raw json not null,
  node text not null,
  trunk text,
  state text not null check (state in ('incoming', 'ringing', 'active', 'held', 'transferring', 'ended')),
  started_at timestamptz not null,
  answered_at timestamptz,
  ended_at timestamptz,
  ended_by text,
  end_sip integer,
  end_cause text,
  sip_call_id text not null,
  attestation text,
  session_id text not null,
  resumed_from text,
  agent json,
  media json,
  recording text
) partition by range (id);
create table calls_rest partition of calls default;
create index calls_tenant on calls (tenant, id desc);
create index calls_trunk on calls (trunk, id desc);
create index calls_from on calls (from_number, id desc);
create index calls_to on calls (to_number, id desc);
create index calls_cause on calls (end_cause, id desc);
create index calls_session on calls (session_id);
create index calls_live on calls (node, id desc) where state <> 'ended';

create table attempts (
  call_id text collate "C" not null,
  ordinal integer not null,
  -- The journal's number of the entry that wrote the row: the highest wins.
  sequence bigint not null,
  trunk text,
  target text not null,
  started_at timestamptz not null,
  sip integer,
  reason text,
  pdd_ms double precision,
  primary key (call_id, ordinal)
) partition by range (call_id);
create table attempts_rest partition of attempts default;

create table turns (
  call_id text collate "C" not null,
  ordinal integer not null,
  sequence bigint not null,
  at timestamptz not null,
  who text not null check (who in ('caller', 'agent', 'tool')),
  text text not null,
  primary key (call_id, ordinal)
) partition by range (call_id);
create table turns_rest partition of turns default;

create table sip_messages (
  call_id text collate "C" not null,
  ordinal integer not null,
  at timestamptz not null,
  direction text not null check (direction in ('in', 'out')),
  protocol text not null,
  local text not null,
  remote text not null,
  message text not null,
  primary key (call_id, ordinal)
) partition by range (call_id);
create table sip_messages_rest partition of sip_messages default;

create table call_events (
  node text not null,
  sequence bigint not null,
  at timestamptz not null,
  name text not null,
  level text not null,
  call_id text collate "C",
  trunk text,
  tenant text,
  -- The event as it was shown.
  event json not null,
  primary key (node, sequence, at)
) partition by range (at);
create table call_events_rest partition of call_events default;
create index call_events_call on call_events (call_id) where call_id is not null;
create index call_events_at on call_events (at);

create table overrides (
  trunk text primary key,
  state text not null check (state in ('active', 'standby', 'failed')),
  actor text not null,
  reason text not null,
  since timestamptz not null,
  expires_at timestamptz
);

-- One chain for the fleet: each row's hash covers the row and the hash of the row before.
create table audit (
  sequence bigint primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  subject text not null,
  details jsonb not null,
  previous_hash bytea not null,
  hash bytea not null
);

-- Lost when Postgres crashes, by design: heartbeats and live calls are put again within seconds. The value is JSON as
-- text: jsonb refuses U+0000, and nothing looks into it. No index on expires_at: updates stay heap-only without it.
create unlogged table shared_state (
  key text collate "C" primary key,
  value text not null,
  expires_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
