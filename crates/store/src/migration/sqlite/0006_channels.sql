-- Channels and prices that operators change while gates run.

CREATE TABLE channels (
    name       TEXT   NOT NULL PRIMARY KEY CHECK (name <> ''),
    -- JSON: the settings of `[[channels]]` that are no secrets.
    settings   TEXT   NOT NULL,
    -- Those that are (credential, headers, proxy), as JSON, sealed. No value: there are none.
    sealed     BLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Prices over those of the catalogue and of the channels' own settings.
CREATE TABLE prices (
    id         BIGINT NOT NULL PRIMARY KEY,
    model      TEXT   NOT NULL CHECK (model <> ''),
    -- No value: wherever the model is served.
    channel    TEXT   CHECK (channel <> ''),
    -- JSON: dollars per million tokens by class.
    rates      TEXT   NOT NULL,
    -- First and last day (UTC), YYYY-MM-DD.
    first_day  TEXT,
    last_day   TEXT,
    created_at BIGINT NOT NULL
);

-- Raised with each change of either; running gates look at it.
INSERT INTO versions (name, value) VALUES ('channels', 1);
