-- Errands, newest first.
-- $1 tenant or null, $2 state or null, $3 only older ones than this id or null, $4 how many at most
-- Returns their rows.
select *, clock_timestamp() as now from errands
where ($1::text is null or tenant = $1) and ($2::text is null or state = $2) and ($3::text is null or id < $3)
order by id desc
limit $4
