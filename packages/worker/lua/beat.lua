#!lua flags=allow-oom
-- Says that a worker of this queue is here, and counts those that are.
-- KEYS  1 workers
-- ARGV  1 boot  2 milliseconds after which one that is silent no longer counts
-- Returns how many workers live, this one included.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
-- Of the last worker that fell silent nobody else would remove the record.
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
