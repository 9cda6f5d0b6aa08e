-- Sessions: conversations that outlive a call, a node, a trunk; and epochs, which fence every write of a call or a session.
--
-- An epoch is a term of ownership: 0 is that of the node that met the call, every later owner draws one here. A row takes a
-- write of a higher epoch, or of its own with a higher revision; what an owner of an older term writes comes too late.

create sequence epochs;

-- Who may act for a call; null: the node that its row names. A survivor claims it: from then on it writes rows in that term, and closes
-- the record in the term of the owner before. The epoch tells one claim from the next, and an owner that was in doubt draws a new one, so that
-- nobody gets the call who noted it before. Rows never touch these.
alter table calls
  add column owner text,
  add column owner_term bigint not null default 0,
  add column owner_epoch bigint not null default 0;
create index calls_owned on calls (owner) where state <> 'ended' and owner is not null;

-- The ends of a call that count more than others, whenever they arrive: 0 not ended, 1 nobody saw how, 2 somebody did.
create function end_rank(state text, end_cause text) returns integer language sql immutable as
  $$ select case when state <> 'ended' then 0 when end_cause = 'node-lost' then 1 else 2 end $$;

create table sessions (
  id text collate "C" primary key,
  revision bigint not null,
  epoch bigint not null default 0,
  tenant text not null,
  -- The person's number, E.164: who calls, or who was called.
  caller text not null,
  agent text not null,
  state text not null check (state in ('live', 'parked', 'ended')),
  -- The call that the session is on, or was on last, and where.
  call_id text collate "C" not null,
  node text not null,
  trunk text,
  began_at timestamptz not null,
  parked_at timestamptz,
  resumable_until timestamptz,
  -- Why the last leg was lost.
  cause text,
  -- Facts about the call that the agent was told.
  variables json not null
) partition by range (id);
create table sessions_rest partition of sessions default;
create index sessions_parked on sessions (tenant, caller, parked_at desc) where state = 'parked';
create index sessions_call on sessions (call_id);
create index sessions_live on sessions (id) where state = 'live';

-- What the agent of a further call must know: what was said, what was heard, tool calls and their outputs. An owner's ordinals
-- begin where no other owner's can be.
create table session_items (
  session_id text collate "C" not null,
  ordinal integer not null,
  at timestamptz not null,
  call_id text collate "C" not null,
  kind text not null check (kind in ('message', 'toolCall', 'toolOutput')),
  item json not null,
  primary key (session_id, ordinal)
) partition by range (session_id);
create table session_items_rest partition of session_items default;
