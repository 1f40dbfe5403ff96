-- Serials of one request to revoke them, within its transaction: always empty after it.
CREATE TABLE wanted_serial (
    request TEXT COLLATE "C" NOT NULL,
    serial  BYTEA NOT NULL,
    PRIMARY KEY (request, serial)
);
