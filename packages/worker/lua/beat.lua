#!lua flags=allow-oom
-- Says that a worker of this queue is here, counts those that are, and pays into the queue's retry budget.
-- KEYS  1 workers  2 budget  3 delayed
-- ARGV  1 boot  2 milliseconds after which one that is silent no longer counts
--       3 jobs this worker has finished since its last beat  4 the budget's share of those
--       5 its floor: so many tokens come in 10 s at the least, and that many are there at first
--       6 1: it registers, and reads its held list next; 0: it only goes on
-- Returns { how many workers live; 1 if jobs are delayed else 0; 0 if this worker is not registered any more else 1 }
-- Who was swept must not look registered again before it knows what it still holds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[6] == '1' then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
else
  redis.call('ZADD', KEYS[1], 'XX', now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
-- Of the last worker that fell silent nobody else would remove the record.
redis.call('PEXPIRE', KEYS[1], ARGV[2])

local budget = redis.call('HMGET', KEYS[2], 'tokens', 'recent', 'at')
local finished, share, floor = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local tokens, recent = tonumber(budget[1]) or floor, tonumber(budget[2]) or 0
-- A clock that jumps pays for 2 s at the most.
local passed = math.min(math.max(now - (tonumber(budget[3]) or now), 0), 2000)
recent = recent * math.exp(-passed / 10000) + finished
tokens = math.min(tokens + share * finished + floor * passed / 10000, floor + share * recent)
redis.call('HSET', KEYS[2], 'tokens', tostring(tokens), 'recent', tostring(recent), 'at', now)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return { redis.call('ZCARD', KEYS[1]), redis.call('EXISTS', KEYS[3]), redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0 }
