-- Gives the limits of which some gate found no place lately.
--
-- KEYS[1] these limits, by until when, in milliseconds by this server's clock; ARGV[1] how many are told at most.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)
