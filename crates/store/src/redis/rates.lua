-- Keeps the line of one rate, as `Line::exchange` of the ledger does. All times are in microseconds by the clock of
-- this server, which Lua's numbers hold exactly.
--
-- KEYS[1] up to where the line is taken. ARGV: [1] now; [2] how far ahead it may be taken; [3] up to where the gate
-- knows it to be taken, for when it was lost; [4] what was used beyond what was granted; [5] what is given back;
-- [6] the least and [7] the most that is granted. Gives from where, how much, and up to where the line is taken now.
local now, furthest, known = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local debt, back = tonumber(ARGV[4]), tonumber(ARGV[5])
local least, most = tonumber(ARGV[6]), tonumber(ARGV[7])

local line = math.max((tonumber(redis.call('GET', KEYS[1])) or known) - back, 0)
if debt > 0 then
  line = math.max(line, now) + debt
end
local from = math.max(line, now)
local given = math.min(most, math.max(now + furthest - from, 0))
if given < least then
  given = 0
end
if given > 0 then
  line = from + given
end
-- Kept for longer than any gate knows it to be taken: where it is missing, it was lost.
local ahead = math.max(line - now, 0)
redis.call('SET', KEYS[1], string.format('%.0f', line), 'PX', math.ceil((ahead + 2 * furthest) / 1000))
return {from, given, line}
