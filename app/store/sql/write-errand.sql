-- Writes what an errand has come to, where it is still as it was read.
-- $1 id, $2 version as it was read, $3 state, $4 call id, $5 node, $6 due at, $7 history (json), $8 reason, $9 ended at
-- Returns the row, or nothing where somebody was faster.
update errands set
  version = version + 1,
  state = $3,
  call_id = $4,
  node = $5,
  due_at = $6,
  leased_until = null,
  history = $7,
  reason = $8,
  ended_at = $9,
  changed_at = clock_timestamp()
where id = $1 and version = $2
returning *, clock_timestamp() as now
