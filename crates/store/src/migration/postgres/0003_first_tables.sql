-- All tables, as the migrations of SQLite of the same numbers and before have made them; what each is for is said
-- there. Later changes stand in both folders under one number.
--
-- Names, models, channels, days and IDs are told apart and sorted by their bytes, as in SQLite, whatever the
-- database's own collation is.

-- A counter for each thing that is kept warm in memory. Whoever changes the thing raises its
-- counter in the same transaction; a running gate looks at the counter and reads anew.
CREATE TABLE versions (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO versions (name, value) VALUES ('api_keys', 1);

CREATE TABLE accounts (
    id                  BIGINT NOT NULL PRIMARY KEY,
    name                TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name <> ''),
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
    id           BIGINT NOT NULL PRIMARY KEY,
    account_id   BIGINT NOT NULL REFERENCES accounts (id),
    kind         TEXT   NOT NULL CHECK (kind IN ('top_up', 'correction', 'charge')),
    amount_nanos BIGINT NOT NULL,
    -- A request is charged once.
    request_id   TEXT COLLATE "C" UNIQUE,
    note         TEXT,
    created_at   BIGINT NOT NULL,
    CHECK ((kind = 'charge') = (request_id IS NOT NULL))
);

-- What accounts were given: few entries among many charges. Charges of an account are asked for by nothing but
-- `ledger verify`, which reads all.
CREATE INDEX ledger_entries_given ON ledger_entries (account_id) WHERE kind <> 'charge';

-- Raised with each entry, which makes writers wait for each other.
INSERT INTO versions (name, value) VALUES ('ledger_entries', 1);

CREATE TABLE api_keys (
    id                  BIGINT NOT NULL PRIMARY KEY,
    name                TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
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

-- A revoked key's name is free again.
CREATE UNIQUE INDEX api_keys_live_name ON api_keys (name) WHERE revoked_at IS NULL;

-- What clients present, as its SHA-256. The texts before the newest end at a time of their own.
CREATE TABLE api_key_texts (
    hash       BYTEA  NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id     BIGINT NOT NULL REFERENCES api_keys (id),
    prefix     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at    BIGINT
);

CREATE UNIQUE INDEX api_key_texts_newest ON api_key_texts (key_id) WHERE ends_at IS NULL;

-- One row a request. Old ones are removed; their sums stay in usage_days. IDs begin with the moment at which the
-- request came, so that the oldest are found without an index of their own.
CREATE TABLE usage_records (
    request_id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    gate                       TEXT COLLATE "C" NOT NULL,
    -- Without references: what was used is kept, whatever became of the rest.
    account_id                 BIGINT NOT NULL,
    key_id                     BIGINT NOT NULL,
    started_at_us              BIGINT NOT NULL,
    duration_us                BIGINT NOT NULL,
    first_output_us            BIGINT,
    model                      TEXT COLLATE "C" NOT NULL,
    served_model               TEXT COLLATE "C" NOT NULL,
    provider                   TEXT COLLATE "C" NOT NULL,
    channel                    TEXT COLLATE "C" NOT NULL,
    service_tier               TEXT,
    stream                     BIGINT NOT NULL CHECK (stream IN (0, 1)),
    outcome                    TEXT   NOT NULL,
    prompt_tokens              BIGINT NOT NULL,
    completion_tokens          BIGINT NOT NULL,
    cached_tokens              BIGINT NOT NULL,
    cache_write_tokens         BIGINT NOT NULL,
    cache_write_1h_tokens      BIGINT NOT NULL,
    prompt_audio_tokens        BIGINT NOT NULL,
    prompt_image_tokens        BIGINT NOT NULL,
    prompt_video_tokens        BIGINT NOT NULL,
    reasoning_tokens           BIGINT NOT NULL,
    completion_audio_tokens    BIGINT NOT NULL,
    completion_image_tokens    BIGINT NOT NULL,
    accepted_prediction_tokens BIGINT NOT NULL,
    rejected_prediction_tokens BIGINT NOT NULL,
    estimated                  BIGINT NOT NULL CHECK (estimated IN (0, 1)),
    price_version              TEXT,
    held_nanos                 BIGINT NOT NULL,
    charge_nanos               BIGINT,
    cost_nanos                 BIGINT,
    lost_cost_nanos            BIGINT NOT NULL
);

-- Sums by the day on which requests came, in the operator's time zone (YYYY-MM-DD).
CREATE TABLE usage_days (
    key_id                     BIGINT NOT NULL,
    day                        TEXT COLLATE "C" NOT NULL,
    account_id                 BIGINT NOT NULL,
    model                      TEXT COLLATE "C" NOT NULL,
    channel                    TEXT COLLATE "C" NOT NULL,
    requests                   BIGINT NOT NULL,
    -- Those that did not end with a whole answer.
    failed                     BIGINT NOT NULL,
    -- Those whose tokens were counted by the gate.
    estimated                  BIGINT NOT NULL,
    -- Those without a price.
    unpriced                   BIGINT NOT NULL,
    prompt_tokens              BIGINT NOT NULL,
    completion_tokens          BIGINT NOT NULL,
    cached_tokens              BIGINT NOT NULL,
    cache_write_tokens         BIGINT NOT NULL,
    cache_write_1h_tokens      BIGINT NOT NULL,
    prompt_audio_tokens        BIGINT NOT NULL,
    prompt_image_tokens        BIGINT NOT NULL,
    prompt_video_tokens        BIGINT NOT NULL,
    reasoning_tokens           BIGINT NOT NULL,
    completion_audio_tokens    BIGINT NOT NULL,
    completion_image_tokens    BIGINT NOT NULL,
    accepted_prediction_tokens BIGINT NOT NULL,
    rejected_prediction_tokens BIGINT NOT NULL,
    -- What the ledger has of these requests.
    charge_nanos               BIGINT NOT NULL,
    -- Lost attempts included.
    cost_nanos                 BIGINT NOT NULL,
    PRIMARY KEY (key_id, day, account_id, model, channel)
);

CREATE INDEX usage_days_of_account ON usage_days (account_id, day);

-- Up to where each gate's spool is in these tables. Without a row, or where there is no such place, all of a
-- spool is applied anew, which changes nothing.
CREATE TABLE spool_positions (
    gate        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    segment     BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL
);
