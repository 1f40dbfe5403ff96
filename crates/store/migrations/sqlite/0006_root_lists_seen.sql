-- Lists that the root signed and agents hold, and that this server does not know: it was restored
-- from a backup. Each is kept with its bytes, whose signature was verified.
CREATE TABLE root_list_seen (
    scope       TEXT    NOT NULL,
    number      INTEGER NOT NULL CHECK (number >= 1),
    this_update INTEGER NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    der         BLOB    NOT NULL,
    agent       TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (scope, number)
) STRICT, WITHOUT ROWID;
