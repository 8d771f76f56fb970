#!lua flags=allow-oom
-- Adds jobs that are due later, and moves those that are due now to the ends of their lists.
--
-- They are due by a clock of the queue's own, which no jump of TIME moves: whoever calls says how much it has seen pass, by its
-- monotonic clock, since it last heard what that clock shows. Only where nobody was here to see is TIME believed.
-- KEYS  1 delayed  2 clock  3 high  4 normal  5 low  6 workers
-- ARGV  1 boot of the caller
--       2 what the clock showed when the caller last heard of it; '' it never did  3 ms since then
--       4 how many to move at the most  5 which clock that was
--       6 … in pairs: ms of delay; 1, 2 or 3 for high, normal, low with the bytes of the job behind it
-- Returns { what the clock shows, ms until the next is due or -1, how many were moved to high or low, how many in all, which clock }
local time = redis.call('TIME')
local wall = time[1] * 1000 + math.floor(time[2] / 1000)
local clock = redis.call('HMGET', KEYS[2], 'now', 'wall', 'id')
local now, before, id = tonumber(clock[1]), tonumber(clock[2]) or wall, clock[3] or ''
if not now then
  if #ARGV == 5 then return { '', -1, 0, 0, '' } end
  now = wall
  -- There is a clock while jobs wait; what was heard of the one before it means nothing to this one.
  id = time[1] .. time[2]
elseif ARGV[2] ~= '' and ARGV[5] == id then
  now = math.max(now, ARGV[2] + ARGV[3])
else
  local others = redis.call('ZCARD', KEYS[6])
  if redis.call('ZSCORE', KEYS[6], ARGV[1]) then others = others - 1 end
  local passed = math.max(wall - before, 0)
  now = now + (others == 0 and passed or math.min(passed, 2000))
end
redis.call('HSET', KEYS[2], 'now', string.format('%.0f', now), 'wall', wall, 'id', id)

-- A member is the list, a number that tells equal jobs apart, a colon, the job.
for i = 6, #ARGV, 2 do
  local number = redis.call('HINCRBY', KEYS[2], 'number', 1)
  local member = string.sub(ARGV[i + 1], 1, 1) .. number .. ':' .. string.sub(ARGV[i + 1], 2)
  redis.call('ZADD', KEYS[1], now + ARGV[i], member)
end

local ready = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[4])
local rung = 0
for _, member in ipairs(ready) do
  local digit, job = string.match(member, '^([123])%d*:(.*)$')
  local list = tonumber(digit)
  if not list or type(redis.pcall('RPUSH', KEYS[2 + list], job)) ~= 'number' then
    -- It is no member of ours, or the name of its list is taken by something else: it waits on, and keeps no others from their turn.
    redis.call('ZADD', KEYS[1], now + 1000, member)
  else
    redis.call('ZREM', KEYS[1], member)
    if list ~= 2 then rung = rung + 1 end
  end
end

local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not first[1] then
  redis.call('DEL', KEYS[2])
  return { string.format('%.0f', now), -1, rung, #ready, '' }
end
return { string.format('%.0f', now), math.max(math.ceil(first[2] - now), 0), rung, #ready, id }
