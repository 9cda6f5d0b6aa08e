-- Gives a call the session that its caller was cut off from, if there is one: the one parked last, unless another conversation of
-- that number was going on at the same time, as then nobody can tell whose call this is. Of calls that come at once one gets it.
-- $1: tenant, $2: caller (E.164), $3: the call's id, $4: node, $5: trunk or null
-- Returns the columns of sessions, as they are from now on, and what they were before: previous_call_id, previous_parked_at,
-- previous_until, previous_cause. No row: nothing to take up.
with candidate as (
  select id, call_id, began_at, parked_at, resumable_until, cause from sessions
  where tenant = $1 and caller = $2 and state = 'parked' and resumable_until > clock_timestamp()
  order by parked_at desc
  limit 1
)
update sessions as taken set
  epoch = nextval('epochs'),
  -- A term of its own: see REVISIONS_A_TERM in lib/session/record.ts.
  revision = (taken.revision / 1000000 + 1) * 1000000,
  state = 'live',
  call_id = $3,
  node = $4,
  trunk = $5,
  parked_at = null,
  resumable_until = null,
  cause = null
from candidate
where taken.id = candidate.id and taken.state = 'parked' and not exists (
  select from sessions as other
  where other.tenant = $1 and other.caller = $2 and other.state = 'parked' and other.resumable_until > clock_timestamp()
    and other.id <> candidate.id and other.parked_at > candidate.began_at
)
returning taken.*, candidate.call_id as previous_call_id, candidate.parked_at as previous_parked_at,
  candidate.resumable_until as previous_until, candidate.cause as previous_cause
