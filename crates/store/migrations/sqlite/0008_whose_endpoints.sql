-- Who tended the endpoints of a token when it was made: it takes them from nobody else.
ALTER TABLE token ADD COLUMN tended TEXT NOT NULL DEFAULT '{}';
