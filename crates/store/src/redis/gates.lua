-- Says that a gate is there. Gives the server's clock, in seconds and microseconds, and how many gates there are; nothing,
-- and says nothing, where the gate has said so before and this server knows nothing of it: then it has lost all that it was
-- told.
--
-- KEYS[1] the gates, by when they last said so; ARGV[1] this one's name; ARGV[2] after how many seconds one is gone;
-- ARGV[3] whether it has said so before.
if ARGV[3] == '1' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return false
end
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], now[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now[1] - ARGV[2])
redis.call('EXPIRE', KEYS[1], 60)
return {tonumber(now[1]), tonumber(now[2]), redis.call('ZCARD', KEYS[1])}
