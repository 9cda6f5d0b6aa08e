-- Calls of a node that nobody wants any more.
-- $1 node
-- Returns their ids.
select call_id from errands where state = 'cancelling' and node = $1
