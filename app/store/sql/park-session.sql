-- Parks, or ends, the session of a call whose owner is gone.
-- $1: the session's id, $2: the call's id, $3: the epoch in which the call was closed, $4: state ('parked' or 'ended'),
-- $5: when the leg was lost, $6: until when it can be resumed, $7: cause
-- Returns the columns of sessions, as they are from now on; no row: it is on another call, or a later owner's.
update sessions set
  epoch = $3,
  revision = (revision / 1000000 + 1) * 1000000,
  state = $4,
  parked_at = case when $4 = 'parked' then $5::timestamptz end,
  resumable_until = case when $4 = 'parked' then $6::timestamptz end,
  cause = $7
where id = $1 and call_id = $2 and state = 'live' and epoch < $3
returning *
