#!lua flags=allow-oom
-- Takes a job out of a held list and settles what becomes of it, in one step: of several that try at once, one succeeds.
-- KEYS  1 held  2 list it goes back to  3 history  4 dead  5 budget  6 delayed  7 clock  8 workers
--       9 mailbox, only where one is told
-- ARGV  1 the bytes of the job, as held
--       2 how: return (goes back as it stands in 3), again (a strike, then as return, or dead), final (nobody tries it
--         again), drop (nobody is told), bury (could not be decoded: kept as it is)
--       3 the bytes it goes back as
--       4 the strike, JSON
--       5 how many strikes make it dead
--       6 1: a strike spends from the retry budget
--       7 ms of delay behind the first strike, twice as much behind each further one; 0: to the head of the list at once
--       8 ms of delay at the most
--       9 ms the history is kept
--      10 what the mailbox is told where it goes back  11 where it does not
--      12 how many entries dead keeps
--      13 the job as a JSON value, for dead  14 the reason, for dead
--      15 boot of the worker, where it is settled because that is gone: once it is registered again it sees to its jobs itself
-- Returns what became of it: gone (somebody else was faster), return, again, final, dead, drop, bury.

-- Looked at first: what is out of held must not fail to get where it belongs.
local kinds = { [2] = 'list', [3] = 'list', [4] = 'list', [5] = 'hash', [6] = 'zset', [7] = 'hash' }
for i, wanted in pairs(kinds) do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= wanted and kind ~= 'none' then return redis.error_reply('WRONGTYPE of ' .. KEYS[i]) end
end
if ARGV[15] ~= '' and redis.call('ZSCORE', KEYS[8], ARGV[15]) then return 'gone' end
-- It is taken out last: should anything fail before that, it is still there.
if not redis.call('LPOS', KEYS[1], ARGV[1], 'RANK', -1) then return 'gone' end
local how = ARGV[2]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A queue's clock advances by what its workers see pass (delay.lua), not by jumps of TIME.
local function due(delay)
  local wall = now()
  local clock = redis.call('HMGET', KEYS[7], 'now', 'wall')
  local shown, at = tonumber(clock[1]), tonumber(clock[2]) or wall
  if not shown then
    redis.call('HSET', KEYS[7], 'now', wall, 'wall', wall, 'id', wall)
    return wall + delay
  end
  return shown + math.min(math.max(wall - at, 0), 2000) + delay
end

local function kept(entry)
  redis.call('LPUSH', KEYS[4], entry)
  redis.call('LTRIM', KEYS[4], 0, ARGV[12] - 1)
end

local function tell(entry)
  if not KEYS[9] or entry == '' then return end
  -- A mailbox that cannot be written must not lose the job.
  if redis.pcall('RPUSH', KEYS[9], entry) == 1 then redis.call('EXPIRE', KEYS[9], 21600) end
end

local strikes = 0
if how == 'again' then
  strikes = redis.call('RPUSH', KEYS[3], ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[9])
  if strikes >= tonumber(ARGV[5]) then
    how = 'dead'
  elseif ARGV[6] == '1' then
    local tokens = tonumber(redis.call('HGET', KEYS[5], 'tokens') or nil)
    if tokens and tokens < 1 then
      how = 'final'
    elseif tokens and tokens == tokens then
      redis.call('HSET', KEYS[5], 'tokens', tostring(tokens - 1))
    end
  end
end

if how == 'bury' then
  kept(ARGV[1])
elseif how == 'dead' then
  local history = table.concat(redis.call('LRANGE', KEYS[3], 0, -1), ',')
  kept(string.format('{"job":%s,"reason":"%s","at":%.0f,"history":[%s]}', ARGV[13], ARGV[14], now(), history))
elseif how == 'return' or how == 'again' then
  local delay = tonumber(ARGV[7])
  if how == 'again' and delay > 0 then
    delay = math.min(delay * 2 ^ (strikes - 1), tonumber(ARGV[8]))
    local when = due(delay)
    -- Jobs may be equal byte for byte: a number tells them apart.
    local number = redis.call('HINCRBY', KEYS[7], 'number', 1)
    redis.call('ZADD', KEYS[6], when, '2' .. number .. ':' .. ARGV[3])
  else
    redis.call('LPUSH', KEYS[2], ARGV[3])
  end
  tell(ARGV[10])
end
if how == 'dead' or how == 'final' then
  redis.call('DEL', KEYS[3])
  tell(ARGV[11])
end
redis.call('LREM', KEYS[1], -1, ARGV[1])
return how
