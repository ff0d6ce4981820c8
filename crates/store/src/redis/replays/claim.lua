-- Gives what stands under a name, or writes a mark there. Who claims again, since no answer came, has it.
--
-- KEYS[1] the name; ARGV[1] the mark; ARGV[2] for how many milliseconds it stands.
local there = redis.call('GET', KEYS[1])
if there and there ~= ARGV[1] then
  return there
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
