-- Slices of balances and budgets that gates hold beyond what is in the books, where several share a database.
-- A slice is what was granted, less what was booked of it since; it counts until its end, and after that
-- whatever is left of it may be granted to others.

CREATE TABLE leases (
    owner         TEXT   NOT NULL CHECK (owner IN ('key', 'account')),
    owner_id      BIGINT NOT NULL,
    -- What it is for: `total` is credit as well. The day on which that time began.
    per           TEXT   NOT NULL CHECK (per = 'total' OR per = 'day' OR per = 'month'),
    since         TEXT   NOT NULL,
    gate          TEXT   NOT NULL,
    -- All that was granted to the gate, and all charges of it that were booked, since the row is there.
    granted_nanos BIGINT NOT NULL,
    booked_nanos  BIGINT NOT NULL,
    -- Seconds since 1970 (UTC).
    ends_at       BIGINT NOT NULL,
    PRIMARY KEY (owner, owner_id, per, since, gate)
);

CREATE INDEX leases_of_gate ON leases (gate);

-- Raised with each slice, which makes gates wait for each other.
INSERT INTO versions (name, value) VALUES ('leases', 1);
