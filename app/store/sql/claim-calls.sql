-- Gives a node those calls of another one that are still as they were when it noted them: not ended, and in the same owner's term.
-- Of two that claim the same call one gets it. The row stays as it is, and what the old owner has yet to write of it may come.
-- $1: ids (text[]), $2: the owners' epochs as noted, in the same order (bigint[]), $3: the new owner's node
-- Returns id and owner_epoch of each call that is the new owner's now.
with noted as (
  select calls.id, nextval('epochs') as epoch from calls
  join unnest($1::text[], $2::bigint[]) as noted(id, owner_epoch) on calls.id = noted.id
  where calls.owner_epoch = noted.owner_epoch and calls.state <> 'ended'
  order by calls.id
  for update of calls
)
update calls set owner = $3, owner_term = noted.epoch, owner_epoch = noted.epoch
from noted
where calls.id = noted.id
returning calls.id, calls.owner_epoch
