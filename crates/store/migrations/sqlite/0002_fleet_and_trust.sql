CREATE TABLE token (
    id            TEXT    NOT NULL PRIMARY KEY,
    secret_digest BLOB    NOT NULL CHECK (length(secret_digest) = 32),
    agent         TEXT    NOT NULL,
    endpoints     TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    used_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE agent (
    name            TEXT    NOT NULL PRIMARY KEY,
    token           TEXT    NOT NULL REFERENCES token (id),
    version         TEXT    NOT NULL,
    enrolled_at     INTEGER NOT NULL,
    last_seen       INTEGER,
    clock_offset_ms INTEGER,
    disabled_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_key (
    fingerprint BLOB    NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 32),
    agent       TEXT    NOT NULL REFERENCES agent (name),
    key_digest  BLOB    NOT NULL CHECK (length(key_digest) = 32),
    spki_der    BLOB    NOT NULL,
    added_at    INTEGER NOT NULL,
    not_after   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_key_by_agent ON agent_key (agent, added_at);

CREATE TABLE endpoint (
    name              TEXT    NOT NULL PRIMARY KEY,
    role              TEXT    NOT NULL CHECK (role IN ('server', 'client')),
    mechanism         TEXT    NOT NULL CHECK (mechanism IN ('anchor', 'parent-crl', 'deny', 'none')),
    service           TEXT    NOT NULL,
    issuer            TEXT    NOT NULL REFERENCES issuer (name),
    profile           TEXT    NOT NULL,
    names             TEXT    NOT NULL,
    address           TEXT,
    owner             TEXT    NOT NULL,
    criticality       TEXT    NOT NULL CHECK (criticality IN ('high', 'normal', 'low')),
    agent             TEXT,
    installed         BLOB    CHECK (length(installed) = 32),
    installed_id      TEXT,
    installed_by      TEXT,
    proven_at         INTEGER,
    rolled_back       INTEGER CHECK (rolled_back IN (0, 1)),
    error             TEXT,
    peers_measured_at INTEGER,
    CHECK ((installed IS NULL) = (proven_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_by_agent ON endpoint (agent);
CREATE INDEX endpoint_by_issuer ON endpoint (issuer);

CREATE TABLE package (
    epoch      INTEGER NOT NULL CHECK (epoch >= 1),
    version    INTEGER NOT NULL CHECK (version >= 1),
    digest     BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    envelope   BLOB    NOT NULL,
    parts      TEXT    NOT NULL,
    issued_at  INTEGER NOT NULL,
    not_after  INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    incident   TEXT,
    PRIMARY KEY (epoch, version)
) STRICT;

CREATE TABLE part (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE ack (
    endpoint  TEXT    NOT NULL REFERENCES endpoint (name),
    epoch     INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    agent     TEXT    NOT NULL,
    nonce     TEXT    NOT NULL,
    signature BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (endpoint, epoch, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE barrier_proof (
    authority       TEXT    NOT NULL,
    endpoint        TEXT    NOT NULL REFERENCES endpoint (name),
    epoch           INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    digest          BLOB    NOT NULL CHECK (length(digest) = 32),
    handshakes      INTEGER NOT NULL CHECK (handshakes >= 0),
    first_at        INTEGER NOT NULL,
    last_at         INTEGER NOT NULL CHECK (last_at >= first_at),
    clock_offset_ms INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (authority, endpoint)
) STRICT, WITHOUT ROWID;

CREATE TABLE distrust_proof (
    authority         TEXT    NOT NULL,
    endpoint          TEXT    NOT NULL REFERENCES endpoint (name),
    epoch             INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    digest            BLOB    NOT NULL CHECK (length(digest) = 32),
    refusal           TEXT    NOT NULL,
    refused_at        INTEGER NOT NULL,
    control_authority TEXT    NOT NULL,
    control_at        INTEGER NOT NULL,
    at                INTEGER NOT NULL,
    PRIMARY KEY (authority, endpoint)
) STRICT, WITHOUT ROWID;

CREATE TABLE peer_seen (
    endpoint    TEXT    NOT NULL REFERENCES endpoint (name),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    authority   TEXT,
    last_seen   INTEGER NOT NULL,
    PRIMARY KEY (endpoint, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX peer_seen_by_authority ON peer_seen (authority, last_seen);

CREATE TABLE crl_read (
    agent  TEXT    NOT NULL REFERENCES agent (name),
    scope  TEXT    NOT NULL,
    number INTEGER NOT NULL,
    digest BLOB    NOT NULL CHECK (length(digest) = 32),
    at     INTEGER NOT NULL,
    PRIMARY KEY (agent, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX crl_read_by_scope ON crl_read (scope, number);

CREATE TABLE renew_order (
    number    INTEGER NOT NULL PRIMARY KEY,
    endpoint  TEXT    NOT NULL REFERENCES endpoint (name),
    authority TEXT    NOT NULL REFERENCES authority (id),
    incident  TEXT,
    at        INTEGER NOT NULL,
    UNIQUE (endpoint, authority)
) STRICT;
