-- An owner that may have been taken for dead begins a new term of each call that is still its own, so that nobody gets it any more who
-- noted it before.
-- $1: ids (text[]), $2: the terms in which the owner writes them, in the same order (bigint[]), $3: terms that it has begun since
-- (bigint[]), $4: the new one, drawn from the sequence `epochs`
-- Returns id and is_own of each call that is on record.
with own as (
  select calls.id from calls
  join unnest($1::text[], $2::bigint[]) as own(id, epoch) on calls.id = own.id
  where calls.owner_epoch = own.epoch or calls.owner_epoch = any($3::bigint[])
  order by calls.id
  for update of calls
), reclaimed as (
  update calls set owner_epoch = $4::bigint
  from own
  where calls.id = own.id
  returning calls.id
)
select calls.id, reclaimed.id is not null as is_own
from calls left join reclaimed on reclaimed.id = calls.id
where calls.id = any($1::text[])
