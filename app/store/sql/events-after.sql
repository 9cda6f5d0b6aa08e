-- Events that a reader has not seen: of each node it knows, those after the last it saw; of every other node, those later
-- than the newest it saw at all. Where it has seen nothing, all.
-- $1: text[] of node ids, $2: bigint[] of the last sequence seen of each, $3: limit
-- Returns event (json), oldest first.
with seen as (
  select node, sequence from unnest($1::text[], $2::bigint[]) as s(node, sequence)
), newest as (
  select coalesce(max(last.at), '-infinity') as at
  from seen, lateral (
    select at from call_events where node = seen.node and sequence <= seen.sequence order by sequence desc limit 1
  ) as last
)
select event from (
  select e.at, e.node, e.sequence, e.event
  from seen, lateral (
    select * from call_events where node = seen.node and sequence > seen.sequence order by sequence limit $3
  ) as e
  union all
  (
    select e.at, e.node, e.sequence, e.event from call_events as e, newest
    where e.at > newest.at and e.node not in (select node from seen)
    order by e.at, e.node, e.sequence limit $3
  )
) as missed
order by at, node, sequence
limit $3
