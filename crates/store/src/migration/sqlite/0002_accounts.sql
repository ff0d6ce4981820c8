-- Accounts, what may be set at a key, and keys with several texts. Amounts are whole nano-dollars
-- (1,000,000,000 are one dollar); flags are 0 or 1; no value in a limit means that there is none.

CREATE TABLE accounts (
    -- `INTEGER` here, and here only: it is the row's own number then, and not an index beside it.
    id                  INTEGER NOT NULL PRIMARY KEY,
    name                TEXT   NOT NULL UNIQUE CHECK (name <> ''),
    created_at          BIGINT,
    unlimited           BIGINT NOT NULL CHECK (unlimited IN (0, 1)),
    -- The sum of the account's entries in the ledger; changed with them in one transaction.
    balance_nanos       BIGINT NOT NULL,
    -- How many times the price the account pays, as a decimal number.
    price_multiplier    TEXT   NOT NULL,
    requests_per_minute BIGINT CHECK (requests_per_minute > 0),
    tokens_per_minute   BIGINT CHECK (tokens_per_minute > 0),
    concurrency         BIGINT CHECK (concurrency > 0),
    budget_nanos        BIGINT CHECK (budget_nanos > 0),
    budget_per          TEXT   CHECK (budget_per IN ('total', 'day', 'month')),
    CHECK ((budget_nanos IS NULL) = (budget_per IS NULL))
);

INSERT INTO accounts (id, name, unlimited, balance_nanos, price_multiplier) VALUES (1, 'default', 1, 0, '1');

-- Only ever added to.
CREATE TABLE ledger_entries (
    id           INTEGER NOT NULL PRIMARY KEY,
    account_id   BIGINT NOT NULL REFERENCES accounts (id),
    -- For a list of three SQLite would fill a table of them for each row.
    kind         TEXT   NOT NULL CHECK (kind = 'charge' OR kind = 'top_up' OR kind = 'correction'),
    amount_nanos BIGINT NOT NULL,
    -- A request is charged once.
    request_id   TEXT   UNIQUE,
    note         TEXT,
    created_at   BIGINT NOT NULL,
    CHECK ((kind = 'charge') = (request_id IS NOT NULL))
);

-- What accounts were given: few entries among many charges. Charges of an account are asked for by nothing but
-- `ledger verify`, which reads all.
CREATE INDEX ledger_entries_given ON ledger_entries (account_id) WHERE kind <> 'charge';

-- Raised with each entry, which makes writers wait for each other.
INSERT INTO versions (name, value) VALUES ('ledger_entries', 1);

DROP INDEX api_keys_live_name;
ALTER TABLE api_keys RENAME TO api_keys_before;

CREATE TABLE api_keys (
    id                  BIGINT NOT NULL PRIMARY KEY,
    name                TEXT   NOT NULL CHECK (name <> ''),
    account_id          BIGINT NOT NULL REFERENCES accounts (id),
    created_at          BIGINT NOT NULL,
    revoked_at          BIGINT,
    enabled             BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    expires_at          BIGINT,
    -- Model IDs with commas between them; no value: all.
    models              TEXT   CHECK (models <> ''),
    -- Names of channels with commas between them. No value in `channels`: all; in `not_channels`: none.
    channels            TEXT   CHECK (channels <> ''),
    not_channels        TEXT   CHECK (not_channels <> ''),
    -- Networks with commas between them; no value: from anywhere.
    networks            TEXT   CHECK (networks <> ''),
    requests_per_minute BIGINT CHECK (requests_per_minute > 0),
    tokens_per_minute   BIGINT CHECK (tokens_per_minute > 0),
    concurrency         BIGINT CHECK (concurrency > 0),
    budget_nanos        BIGINT CHECK (budget_nanos > 0),
    budget_per          TEXT   CHECK (budget_per IN ('total', 'day', 'month')),
    reserve             TEXT   NOT NULL CHECK (reserve IN ('expected', 'full')),
    strict_parameters   BIGINT NOT NULL CHECK (strict_parameters IN (0, 1)),
    CHECK ((budget_nanos IS NULL) = (budget_per IS NULL))
);

INSERT INTO api_keys (id, name, account_id, created_at, revoked_at, enabled, expires_at, concurrency,
                      reserve, strict_parameters)
SELECT id, name, 1, created_at, revoked_at, 1, expires_at, concurrency, 'expected', 0
FROM api_keys_before;

-- A revoked key's name is free again.
CREATE UNIQUE INDEX api_keys_live_name ON api_keys (name) WHERE revoked_at IS NULL;

-- What clients present, as its SHA-256. The texts before the newest end at a time of their own.
CREATE TABLE api_key_texts (
    hash       BLOB   NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id     BIGINT NOT NULL REFERENCES api_keys (id),
    prefix     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at    BIGINT
);

INSERT INTO api_key_texts (hash, key_id, prefix, created_at)
SELECT hash, id, prefix, created_at FROM api_keys_before;

CREATE UNIQUE INDEX api_key_texts_newest ON api_key_texts (key_id) WHERE ends_at IS NULL;

DROP TABLE api_keys_before;

UPDATE versions SET value = value + 1 WHERE name = 'api_keys';
