-- A gate that lacks money that others have says so, for them to give back what they do not use.

-- Which number of the version below the gate's last such refusal had; 0: it lacked nothing.
ALTER TABLE leases ADD COLUMN wanted BIGINT NOT NULL DEFAULT 0;

CREATE INDEX leases_wanted ON leases (wanted) WHERE wanted > 0;

-- Raised each time that a gate says so, which tells the others to look.
INSERT INTO versions (name, value) VALUES ('wanted_money', 1);
