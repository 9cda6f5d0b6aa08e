-- $1 tenant, $2 key
-- Returns the row.
select *, clock_timestamp() as now from errands where tenant = $1 and key = $2
