-- $1 id
-- Returns the row.
select *, clock_timestamp() as now from errands where id = $1
