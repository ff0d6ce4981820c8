-- When accounts and keys were made, in microseconds since 1970 (UTC). Numbers are given again by a database that was
-- restored from a copy; with this moment they are told apart. No value: made before this column was there, and
-- `created_at` is all that is known.

ALTER TABLE accounts ADD COLUMN created_at_us BIGINT;
ALTER TABLE api_keys ADD COLUMN created_at_us BIGINT;
