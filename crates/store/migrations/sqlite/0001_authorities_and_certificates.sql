-- Times are epoch milliseconds. Words are spelled as in skink-model; a test compares them.
-- Serials are kept with their length in front, so that their order as bytes is by value.

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Numbers that only go up.
CREATE TABLE counter (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    stream TEXT    NOT NULL,
    seq    INTEGER NOT NULL CHECK (seq >= 1),
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    body   TEXT    NOT NULL,
    prev   BLOB    NOT NULL CHECK (length(prev) = 32),
    hash   BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id      INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, id);

CREATE TABLE operator (
    name         TEXT    NOT NULL PRIMARY KEY,
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'pki-lead', 'ciso', 'auditor')),
    key_digest   BLOB    UNIQUE CHECK (length(key_digest) = 32),
    token_digest BLOB    UNIQUE CHECK (length(token_digest) = 32),
    created_at   INTEGER NOT NULL,
    disabled_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE issuer (
    name       TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('root', 'control', 'trust', 'issuing')),
    profiles   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE authority (
    id              TEXT    NOT NULL PRIMARY KEY,
    issuer          TEXT    NOT NULL REFERENCES issuer (name),
    generation      INTEGER NOT NULL CHECK (generation >= 1),
    parent          TEXT    REFERENCES authority (id),
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'prepared', 'active', 'retiring',
                                                      'retired', 'tainted', 'revoked', 'distrusted')),
    frozen_at       INTEGER,
    frozen_reason   TEXT,
    frozen_incident TEXT,
    tainted_at      INTEGER,
    taint_incident  TEXT,
    suspected_since INTEGER,
    barrier_open    INTEGER NOT NULL CHECK (barrier_open IN (0, 1)),
    closed          INTEGER NOT NULL CHECK (closed IN (0, 1)),
    key_uri         TEXT,
    key_algorithm   TEXT    NOT NULL,
    key_digest      BLOB    NOT NULL CHECK (length(key_digest) = 32),
    csr_pem         TEXT,
    certificate_pem TEXT,
    fingerprint     BLOB    CHECK (length(fingerprint) = 32),
    not_before      INTEGER,
    not_after       INTEGER,
    crl_uri         TEXT,
    created_at      INTEGER NOT NULL,
    activated_at    INTEGER,
    UNIQUE (issuer, generation),
    CHECK ((state IN ('tainted', 'revoked', 'distrusted')) = (tainted_at IS NOT NULL)),
    CHECK ((tainted_at IS NULL) = (taint_incident IS NULL)),
    CHECK (state IN ('pending', 'tainted', 'revoked', 'distrusted') OR certificate_pem IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX authority_active ON authority (issuer) WHERE state = 'active';
-- Never the same key twice.
CREATE UNIQUE INDEX authority_key ON authority (key_digest);

CREATE TABLE signing_key (
    uri          TEXT    NOT NULL PRIMARY KEY,
    key_use      TEXT    NOT NULL CHECK (key_use IN ('authority', 'ocsp', 'server', 'control')),
    authority    TEXT    REFERENCES authority (id),
    algorithm    TEXT    NOT NULL,
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    state        TEXT    NOT NULL CHECK (state IN ('enabled', 'disabled', 'destroyed', 'absent')),
    refusal_code TEXT,
    created_at   INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX signing_key_by_authority ON signing_key (authority);

-- Insert-only: blocked is blocked for good.
CREATE TABLE blocked_key (
    digest   BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    reason   TEXT    NOT NULL,
    incident TEXT,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    id           TEXT    NOT NULL PRIMARY KEY,
    authority    TEXT    NOT NULL REFERENCES authority (id),
    serial       BLOB    NOT NULL CHECK (length(serial) BETWEEN 2 AND 21),
    kind         TEXT    NOT NULL CHECK (kind IN ('leaf', 'canary', 'probe', 'control', 'ocsp')),
    state        TEXT    NOT NULL CHECK (state IN ('intended', 'linted', 'issued', 'failed', 'unknown')),
    profile      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    names        TEXT    NOT NULL,
    key_digest   BLOB    NOT NULL CHECK (length(key_digest) = 32),
    crl_part     INTEGER NOT NULL CHECK (crl_part >= 0),
    not_before   INTEGER NOT NULL,
    not_after    INTEGER NOT NULL CHECK (not_after > not_before),
    channel      TEXT    NOT NULL CHECK (channel IN ('api', 'agent', 'cli', 'acme', 'internal')),
    requested_by TEXT    NOT NULL,
    endpoint     TEXT,
    agent        TEXT,
    replaces     TEXT,
    replaced_by  TEXT,
    created_at   INTEGER NOT NULL,
    issued_at    INTEGER,
    fingerprint  BLOB    UNIQUE CHECK (length(fingerprint) = 32),
    UNIQUE (authority, serial),
    CHECK ((state = 'issued') = (issued_at IS NOT NULL)),
    CHECK ((state = 'issued') = (fingerprint IS NOT NULL))
) STRICT;
-- Final CRLs and revocation by set read nothing but this.
CREATE INDEX certificate_by_crl ON certificate (authority, crl_part, serial, state, kind);
CREATE INDEX certificate_valid ON certificate (authority, state, not_after);
CREATE INDEX certificate_by_authority ON certificate (authority, id);
CREATE INDEX certificate_by_endpoint ON certificate (endpoint, id) WHERE endpoint IS NOT NULL;
CREATE INDEX certificate_by_name ON certificate (name, id);
CREATE INDEX certificate_by_key ON certificate (key_digest);
CREATE INDEX certificate_by_end ON certificate (not_after, id);

CREATE TABLE certificate_der (
    id  TEXT NOT NULL PRIMARY KEY REFERENCES certificate (id),
    der BLOB NOT NULL
) STRICT;

-- Insert-only and narrow; in the order in which CRLs are written. reason is the RFC 5280 code.
CREATE TABLE revocation (
    authority       TEXT    NOT NULL,
    crl_part        INTEGER NOT NULL,
    serial          BLOB    NOT NULL CHECK (length(serial) BETWEEN 2 AND 21),
    revoked_at      INTEGER NOT NULL,
    reason          INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 10),
    invalidity_date INTEGER,
    PRIMARY KEY (authority, crl_part, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    id         TEXT    NOT NULL PRIMARY KEY,
    authority  TEXT    NOT NULL REFERENCES authority (id),
    signer_key TEXT    NOT NULL,
    purpose    TEXT    NOT NULL CHECK (purpose IN ('certificate', 'crl', 'ocsp', 'trust_package',
                                                   'closing_set', 'control', 'probe')),
    subject    TEXT    NOT NULL,
    algorithm  TEXT    NOT NULL,
    incident   TEXT,
    state      TEXT    NOT NULL CHECK (state IN ('asked', 'signed', 'failed', 'unknown')),
    asked_at   INTEGER NOT NULL,
    settled_at INTEGER,
    code       TEXT,
    CHECK ((state = 'asked') = (settled_at IS NULL))
) STRICT;
-- One serial, one list number: one attempt. OCSP answers and proofs may be asked for again.
CREATE UNIQUE INDEX attempt_once ON attempt (purpose, subject)
    WHERE purpose IN ('certificate', 'crl', 'closing_set');
CREATE INDEX attempt_by_subject ON attempt (subject, purpose);
CREATE INDEX attempt_by_key ON attempt (signer_key, state);
CREATE INDEX attempt_by_authority ON attempt (authority, state);
CREATE INDEX attempt_open ON attempt (asked_at) WHERE state = 'asked';

CREATE TABLE crl_scope (
    scope       TEXT    NOT NULL PRIMARY KEY,
    authority   TEXT    NOT NULL REFERENCES authority (id),
    last_number INTEGER NOT NULL CHECK (last_number >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crl (
    scope        TEXT    NOT NULL REFERENCES crl_scope (scope),
    number       INTEGER NOT NULL CHECK (number >= 1),
    authority    TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('routine', 'transition', 'final', 'escrow')),
    reserved_at  INTEGER NOT NULL,
    this_update  INTEGER,
    next_update  INTEGER,
    entries      INTEGER,
    size         INTEGER,
    digest       BLOB    CHECK (length(digest) = 32),
    published_at INTEGER,
    incident     TEXT,
    PRIMARY KEY (scope, number),
    CHECK ((digest IS NULL) = (this_update IS NULL)),
    CHECK (published_at IS NULL OR digest IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE crl_der (
    scope  TEXT    NOT NULL,
    number INTEGER NOT NULL,
    der    BLOB    NOT NULL,
    PRIMARY KEY (scope, number),
    FOREIGN KEY (scope, number) REFERENCES crl (scope, number)
) STRICT;

CREATE TRIGGER revocation_keeps_rows BEFORE DELETE ON revocation
BEGIN SELECT RAISE(ABORT, 'revocations are insert-only'); END;
CREATE TRIGGER revocation_keeps_facts BEFORE UPDATE ON revocation
BEGIN SELECT RAISE(ABORT, 'revocations are insert-only'); END;
CREATE TRIGGER blocked_key_keeps_rows BEFORE DELETE ON blocked_key
BEGIN SELECT RAISE(ABORT, 'blocked keys are insert-only'); END;
CREATE TRIGGER blocked_key_keeps_facts BEFORE UPDATE ON blocked_key
BEGIN SELECT RAISE(ABORT, 'blocked keys are insert-only'); END;
CREATE TRIGGER journal_keeps_rows BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_facts BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_keeps_facts BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER attempt_keeps_rows BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are never forgotten'); END;
-- A compromise is a one-way street, whatever the program above thinks.
CREATE TRIGGER authority_stays_compromised BEFORE UPDATE OF state ON authority
WHEN old.state IN ('tainted', 'revoked', 'distrusted')
 AND new.state NOT IN ('tainted', 'revoked', 'distrusted')
BEGIN SELECT RAISE(ABORT, 'taint is irreversible'); END;
