-- Audio that was read from a provider's cache: it costs what is cached costs, and not what is heard costs. Rows from
-- before have none, and neither has what a gate from before writes.

ALTER TABLE usage_records ADD COLUMN cached_audio_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN cached_audio_tokens BIGINT NOT NULL DEFAULT 0;
