-- How many lists share an authority's revocations: fixed with the authority, as every certificate
-- names its own.
ALTER TABLE authority ADD COLUMN crl_partitions INTEGER NOT NULL DEFAULT 1
    CHECK (crl_partitions BETWEEN 1 AND 1024);
-- A list of a million entries has 50 MB: it is written and read piece by piece.
CREATE TABLE crl_chunk (
    scope  TEXT    NOT NULL,
    number INTEGER NOT NULL,
    seq    INTEGER NOT NULL CHECK (seq >= 0),
    bytes  BLOB    NOT NULL,
    PRIMARY KEY (scope, number, seq),
    FOREIGN KEY (scope, number) REFERENCES crl (scope, number)
) STRICT;
INSERT INTO crl_chunk (scope, number, seq, bytes) SELECT scope, number, 0, der FROM crl_der;
DROP TABLE crl_der;
