-- Serials of one request to revoke them, within its transaction: always empty after it.
CREATE TABLE wanted_serial (
    request TEXT NOT NULL,
    serial  BLOB NOT NULL,
    PRIMARY KEY (request, serial)
) STRICT, WITHOUT ROWID;
