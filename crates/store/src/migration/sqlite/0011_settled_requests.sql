-- The entry of the ledger by which an account was charged for requests whose own account was lost with a restore
-- (`tollgate ledger assign`). No value: none was, as for all others.

ALTER TABLE usage_records ADD COLUMN settled_entry BIGINT;
