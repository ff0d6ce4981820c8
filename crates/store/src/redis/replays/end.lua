-- Writes an answer in the place of a mark; without an answer the name is free again.
--
-- KEYS[1] the name; ARGV[1] the mark; ARGV[2] the answer; ARGV[3] for how many milliseconds it stands.
local there = redis.call('GET', KEYS[1])
if there and there ~= ARGV[1] then
  return
end
if ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
