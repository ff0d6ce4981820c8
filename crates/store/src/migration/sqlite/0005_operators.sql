-- Who may use the admin API, and what was changed by whom.

CREATE TABLE operators (
    id            BIGINT NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL CHECK (name <> ''),
    role          TEXT   NOT NULL CHECK (role = 'admin' OR role = 'viewer'),
    -- Argon2id, as a PHC string. No value: no sign-in by password.
    password_hash TEXT,
    created_at    BIGINT NOT NULL,
    removed_at    BIGINT
);

-- A removed operator's name is free again.
CREATE UNIQUE INDEX operators_live_name ON operators (name) WHERE removed_at IS NULL;

-- What operators present: tokens that they keep, and those of a session, which end soon.
CREATE TABLE operator_tokens (
    -- SHA-256 of the text.
    hash        BLOB   NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    operator_id BIGINT NOT NULL REFERENCES operators (id),
    kind        TEXT   NOT NULL CHECK (kind = 'token' OR kind = 'session'),
    name        TEXT   NOT NULL,
    prefix      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    revoked_at  BIGINT
);

CREATE INDEX operator_tokens_of_operator ON operator_tokens (operator_id);

-- Only ever added to, in the transaction of the change.
CREATE TABLE audit_entries (
    id           BIGINT NOT NULL PRIMARY KEY,
    -- Microseconds since 1970 (UTC).
    at_us        BIGINT NOT NULL,
    -- A name, since operators come and go.
    operator     TEXT   NOT NULL,
    resource     TEXT   NOT NULL,
    -- Of the thing that was changed.
    name         TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    -- JSON without secrets. No value: there was nothing before, or is nothing after.
    state_before TEXT,
    state_after  TEXT,
    request_id   TEXT
);

-- An entry that a client gives an ID of its own is made once, however often it asks.
ALTER TABLE ledger_entries ADD COLUMN given_id TEXT;

CREATE UNIQUE INDEX ledger_entries_given_id ON ledger_entries (given_id) WHERE given_id IS NOT NULL;

INSERT INTO versions (name, value) VALUES ('operators', 1);
INSERT INTO versions (name, value) VALUES ('audit_entries', 1);
