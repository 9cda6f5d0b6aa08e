-- Errands whose call has ended, by its record; and those whose call has none although it was begun so long ago: its node died before anything
-- of it came here.
-- $1 how many at most, $2 how long a record may take (ms)
-- Returns their rows, with what the record says of the end: call_ended, answered_at, ended_by, end_cause; and answered_by_machine, by its events.
select errands.*, clock_timestamp() as now, calls.id is not null as call_ended, calls.answered_at, calls.ended_by,
  calls.end_cause,
  exists (
    select from call_events
    where call_events.call_id = calls.id and name = 'call.answeredBy' and event ->> 'by' = 'machine'
  ) as answered_by_machine
from errands left join calls on calls.id = errands.call_id
where errands.state in ('calling', 'cancelling')
  and (calls.state = 'ended'
    or calls.id is null and errands.changed_at <= clock_timestamp() - $2::float8 * interval '1 ms')
limit $1
