-- Keeps the line of one rate, as `Line::exchange` of the ledger does. All times are in microseconds by the clock of
-- this server, which Lua's numbers hold exactly.
--
-- KEYS[1] up to where the line is taken; KEYS[2] the limit that it is reckoned at, and since when: by itself, since
-- gates of an earlier version know the first only. ARGV: [1] now; [2] how far ahead it may be taken; [3] up to where the
-- gate knows it to be taken, for when it was lost; [4] what was used beyond what was granted; [5] what is given back;
-- [6] the least and [7] the most that is granted; [8] the limit as the gate knows it, 0 where it does not; [9] for how
-- long the line stays at a limit. Gives from where, how much, and up to where the line is taken now.
local now, furthest, known = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local debt, back = tonumber(ARGV[4]), tonumber(ARGV[5])
local least, most = tonumber(ARGV[6]), tonumber(ARGV[7])
local limit, settles = tonumber(ARGV[8]), tonumber(ARGV[9])

local function at_limit(time, from, to)
  return math.floor(time * from / to)
end

local line = tonumber(redis.call('GET', KEYS[1]))
local of, since = 0, 0
if line then
  local written_of, written_since = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
  of, since = tonumber(written_of) or 0, tonumber(written_since) or 0
end
line = line or known
if of == 0 then
  of = limit
end
if limit == 0 then
  limit = of
end
if limit ~= of and least > 0 and now >= since + settles then
  local ahead = math.max(line - now, 0)
  local rescaled = math.max(at_limit(ahead, of, limit) - back, 0)
  line = now + math.min(rescaled, math.max(ahead, furthest))
  of, since, back = limit, now, 0
elseif limit ~= of then
  debt = math.min(at_limit(debt, limit, of), math.max(debt, furthest))
  back = at_limit(back, limit, of)
  most = least
end
line = math.max(line - back, 0)
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
local kept = math.ceil((math.max(line - now, 0) + 2 * furthest) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', line), 'PX', kept)
if of > 0 then
  redis.call('SET', KEYS[2], string.format('%.0f %.0f', of, since), 'PX', kept)
end
-- By the limit that the gate told.
if limit ~= of then
  line = now + at_limit(math.max(line - now, 0), of, limit)
end
return {from, given, line}
