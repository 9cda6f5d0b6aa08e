-- $1: the session's id
-- Returns the columns of sessions; no row: there is no such session.
select * from sessions where id = $1
