-- An owner that may have been taken for dead begins a new term of each call that is still its own, so that nobody gets it any more who
-- noted it before.
-- $1: ids (text[]), $2: the owner's epochs as it knows them, in the same order (bigint[])
-- Returns id and owner_epoch of each call that is on record; owner_epoch is null where it is another owner's now.
with own as (
  select calls.id from calls
  join unnest($1::text[], $2::bigint[]) as own(id, owner_epoch) on calls.id = own.id
  where calls.owner_epoch = own.owner_epoch
  order by calls.id
  for update of calls
), reclaimed as (
  update calls set owner_epoch = nextval('epochs')
  from own
  where calls.id = own.id
  returning calls.id, calls.owner_epoch
)
select calls.id, reclaimed.owner_epoch
from calls left join reclaimed on reclaimed.id = calls.id
where calls.id = any($1::text[])
