-- Draws a term of ownership. No parameters.
-- Returns term (bigint).
select nextval('epochs') as term
