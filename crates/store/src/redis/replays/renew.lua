-- Lets a mark stand for longer, also where it was lost and nothing else stands there.
--
-- KEYS[1] the name; ARGV[1] the mark; ARGV[2] for how many milliseconds from now on.
local there = redis.call('GET', KEYS[1])
if not there or there == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
