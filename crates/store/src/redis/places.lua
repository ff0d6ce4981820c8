-- Keeps the book of who has how many places of one limit, as `PlaceBook::exchange` of the ledger does.
--
-- KEYS[1] the places of each gate and until when, in milliseconds by this server's clock; KEYS[2] the limits that are
-- scarce, by until when; KEYS[3] the gates, by when they last said that they are there. ARGV: [1] the gate; [2] the limit; [3] what the gate has, whatever is written here; [4] how many
-- more; [5] whether some are taken ahead of need; [6] after how many milliseconds they end; [7] the limit's name; [8] for
-- how many milliseconds it is scarce where there is nothing. Gives what the gate has now and what the others have; nothing
-- where the server does not know the gate: then it has lost all books, and what stands in this one is not what others have.
if not redis.call('ZSCORE', KEYS[3], ARGV[1]) then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, kept, more = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local elsewhere = 0
local written = redis.call('HGETALL', KEYS[1])
for at = 1, #written, 2 do
  if written[at] ~= ARGV[1] then
    local places, ends = string.match(written[at + 1], '^(%d+) (%d+)$')
    if places and tonumber(ends) > now then
      elsewhere = elsewhere + tonumber(places)
    else
      redis.call('HDEL', KEYS[1], written[at])
    end
  end
end
local free = math.max(limit - elsewhere - kept, 0)
local given = math.min(more, free)
if given < more and elsewhere > 0 then
  redis.call('ZADD', KEYS[2], now + ARGV[8], ARGV[7])
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
end
if ARGV[5] == '1' then
  given = given + math.ceil((free - given) / 8)
end
local leased = kept + given
if leased > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', leased, now + ARGV[6]))
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {leased, elsewhere}
