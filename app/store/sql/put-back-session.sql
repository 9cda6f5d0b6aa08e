-- Parks a session again that a call took up and did not come to: it can be taken up as long as before.
-- $1: the session's id, $2: the epoch in which it was taken up, $3: the call before, $4: when it was parked, $5: until when it
-- can be resumed, $6: cause
-- Returns nothing.
update sessions set
  revision = revision + 1,
  state = 'parked',
  call_id = $3,
  parked_at = $4,
  resumable_until = $5,
  cause = $6
where id = $1 and epoch = $2 and state = 'live'
