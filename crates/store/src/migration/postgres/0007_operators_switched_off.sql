-- An operator can be switched off, and on again.

ALTER TABLE operators ADD COLUMN enabled BIGINT NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1));
