CREATE TABLE incident (
    id              TEXT    NOT NULL PRIMARY KEY,
    plan            TEXT    NOT NULL CHECK (plan IN ('authority', 'rotation')),
    authority       TEXT    NOT NULL REFERENCES authority (id),
    state           TEXT    NOT NULL CHECK (state IN ('open', 'held', 'stood-down', 'closed')),
    severity        TEXT    NOT NULL CHECK (severity IN ('sev1', 'sev2', 'sev3', 'sev4')),
    policy          TEXT    NOT NULL CHECK (policy IN ('cutover', 'immediate')),
    cause           TEXT    NOT NULL CHECK (cause IN ('copied', 'used', 'unauthorised-issuance', 'host',
                                                      'algorithm', 'planned')),
    suspected_since INTEGER,
    detected_at     INTEGER,
    aware_at        INTEGER,
    declared_at     INTEGER NOT NULL,
    declared_by     TEXT    NOT NULL,
    deadline        INTEGER,
    closed_at       INTEGER,
    CHECK ((state IN ('stood-down', 'closed')) = (closed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
-- An authority has one running incident at a time.
CREATE UNIQUE INDEX incident_running ON incident (authority) WHERE state IN ('open', 'held');

-- One person, one approval, however many sessions.
CREATE TABLE approval (
    incident TEXT    NOT NULL REFERENCES incident (id),
    step     TEXT    NOT NULL,
    person   TEXT    NOT NULL REFERENCES operator (name),
    id       TEXT    NOT NULL UNIQUE,
    role     TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'pki-lead', 'ciso', 'auditor')),
    at       INTEGER NOT NULL,
    PRIMARY KEY (incident, step, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE effect (
    incident    TEXT    NOT NULL REFERENCES incident (id),
    step        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('started', 'done', 'failed')),
    starts      INTEGER NOT NULL CHECK (starts >= 1),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    PRIMARY KEY (incident, step, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE waiver (
    incident   TEXT    NOT NULL REFERENCES incident (id),
    step       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    reason     TEXT    NOT NULL CHECK (reason <> ''),
    owner      TEXT    NOT NULL REFERENCES operator (name),
    at         INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > at),
    PRIMARY KEY (incident, step, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
    incident  TEXT    NOT NULL REFERENCES incident (id),
    message   TEXT    NOT NULL,
    recipient TEXT    NOT NULL,
    due       INTEGER NOT NULL,
    sent_at   INTEGER,
    file      TEXT,
    digest    BLOB    CHECK (length(digest) = 32),
    PRIMARY KEY (incident, message, recipient)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    incident TEXT    NOT NULL REFERENCES incident (id),
    name     TEXT    NOT NULL,
    file     TEXT    NOT NULL,
    size     INTEGER NOT NULL CHECK (size >= 0),
    digest   BLOB    NOT NULL CHECK (length(digest) = 32),
    at       INTEGER NOT NULL,
    PRIMARY KEY (incident, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE ceremony (
    id              TEXT    NOT NULL PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE CHECK (number >= 1),
    state           TEXT    NOT NULL CHECK (state IN ('requested', 'imported', 'abandoned')),
    request_digest  BLOB    NOT NULL CHECK (length(request_digest) = 32),
    request         TEXT    NOT NULL,
    response_digest BLOB    UNIQUE CHECK (length(response_digest) = 32),
    requested_at    INTEGER NOT NULL,
    imported_at     INTEGER,
    CHECK ((state = 'imported') = (response_digest IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE kit (
    id         TEXT    NOT NULL PRIMARY KEY,
    standby    TEXT    NOT NULL REFERENCES authority (id),
    ceremony   TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('ready', 'released', 'void')),
    custodians TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    incident   TEXT
) STRICT, WITHOUT ROWID;

-- Wiped when the kit is opened; never part of a snapshot.
CREATE TABLE kit_share (
    kit       TEXT    NOT NULL REFERENCES kit (id),
    custodian TEXT    NOT NULL,
    share     TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (kit, custodian)
) STRICT, WITHOUT ROWID;

CREATE TABLE escrow (
    scope       TEXT    NOT NULL,
    number      INTEGER NOT NULL CHECK (number >= 1),
    authority   TEXT    NOT NULL REFERENCES authority (id),
    kit         TEXT    NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    voided_at   INTEGER,
    released_at INTEGER,
    PRIMARY KEY (scope, number),
    CHECK (voided_at IS NULL OR released_at IS NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    fence      INTEGER NOT NULL CHECK (fence >= 1),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
