-- A certificate on its way is in no index that asks for issued ones, and an attempt that is settled
-- moves in one index: each entry that is not written is a page of the log less.
DROP INDEX certificate_valid;
CREATE INDEX certificate_valid ON certificate (authority, not_after) WHERE state = 'issued';
DROP INDEX certificate_by_end;
CREATE INDEX certificate_by_end ON certificate (not_after, id)
    WHERE state = 'issued' AND replaced_by IS NULL;
DROP INDEX attempt_by_authority;
CREATE INDEX attempt_by_authority ON attempt (authority, id);
DROP INDEX attempt_open;
CREATE INDEX attempt_open ON attempt (authority, asked_at) WHERE state = 'asked';
