-- API keys, by the hash of their text. Times are seconds since 1970 (UTC).

-- A counter for each thing that is kept warm in memory. Whoever changes the thing raises its
-- counter in the same transaction; a running gate looks at the counter and reads anew.
CREATE TABLE versions (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO versions (name, value) VALUES ('api_keys', 1);

CREATE TABLE api_keys (
    id          BIGINT NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL CHECK (name <> ''),
    hash        BLOB   NOT NULL UNIQUE CHECK (length(hash) = 32),
    prefix      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    revoked_at  BIGINT,
    concurrency BIGINT CHECK (concurrency > 0)
);

-- A revoked key's name is free again.
CREATE UNIQUE INDEX api_keys_live_name ON api_keys (name) WHERE revoked_at IS NULL;
