-- Whether a claim of a call still stands.
-- $1: the call's id, $2: the owner's epoch, as the claim gave it
-- Returns one row where it does, else none.
select id from calls where id = $1 and owner_epoch = $2
