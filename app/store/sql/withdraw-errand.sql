-- Takes an errand back of which nothing has been done, so that its key is free again.
-- $1 id, $2 version as it was read
-- Returns its id, or nothing where somebody was faster.
delete from errands where id = $1 and version = $2 returning id
