-- Errands: wishes to reach somebody (docs/outbound.md), each with the calls that were made for it.

create table errands (
  -- The ULID of its first call.
  id text collate "C" primary key,
  -- Every change compares and sets it.
  version bigint not null default 1,
  tenant text not null,
  -- The Idempotency-Key of the request; null: it had none.
  key text collate "C",
  -- As canonicalJson (lib/core/canonical-json.ts) writes it: the same text is the same request.
  request text not null,
  actor text not null,
  policy json not null,
  state text not null check (state in ('waiting', 'calling', 'cancelling', 'done', 'failed', 'expired', 'cancelled')),
  -- The call that is next or under way, fixed before its INVITE; null: it is over.
  call_id text collate "C",
  -- Who makes that call; null: nobody yet.
  node text,
  -- When the next attempt is due, and until when it is a node's to begin.
  due_at timestamptz,
  leased_until timestamptz,
  history json not null,
  reason text,
  created_at timestamptz not null,
  changed_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  unique (tenant, key)
);
create index errands_due on errands (due_at) where state = 'waiting';
create index errands_calling on errands (call_id) where state in ('calling', 'cancelling');
create index errands_tenant on errands (tenant, id desc);
create index errands_ended on errands (ended_at) where ended_at is not null;

-- The errand that a call was made for; null: none.
alter table calls add column errand text collate "C";
