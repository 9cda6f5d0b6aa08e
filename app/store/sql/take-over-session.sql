-- Makes this node the owner of the session of a live call that it has taken over.
-- $1: the session's id, $2: the call's id, $3: the epoch of the take-over, $4: node
-- Returns the columns of sessions, as they are from now on; no row: the session is on another call, or a later owner's.
update sessions set
  epoch = $3,
  revision = (revision / 1000000 + 1) * 1000000,
  node = $4
where id = $1 and call_id = $2 and state = 'live' and epoch < $3
returning *
