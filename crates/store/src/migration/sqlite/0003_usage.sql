-- What requests used and cost. Moments and spans are microseconds, moments since 1970 (UTC); amounts are
-- whole nano-dollars. No amount means that there was no price.

-- One row a request. Old ones are removed; their sums stay in usage_days. IDs begin with the moment at which the
-- request came, so that the oldest are found without an index of their own.
CREATE TABLE usage_records (
    request_id                 TEXT   NOT NULL PRIMARY KEY,
    gate                       TEXT   NOT NULL,
    -- Without references: what was used is kept, whatever became of the rest.
    account_id                 BIGINT NOT NULL,
    key_id                     BIGINT NOT NULL,
    started_at_us              BIGINT NOT NULL,
    duration_us                BIGINT NOT NULL,
    first_output_us            BIGINT,
    model                      TEXT   NOT NULL,
    served_model               TEXT   NOT NULL,
    provider                   TEXT   NOT NULL,
    channel                    TEXT   NOT NULL,
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
    day                        TEXT   NOT NULL,
    account_id                 BIGINT NOT NULL,
    model                      TEXT   NOT NULL,
    channel                    TEXT   NOT NULL,
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
    gate        TEXT   NOT NULL PRIMARY KEY,
    segment     BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL
);
