-- The first of the line of operators who registered each other down to this one; nobody stands
-- behind those who are older than this column.
ALTER TABLE operator ADD COLUMN vouched_by TEXT;
