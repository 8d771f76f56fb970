#!lua flags=allow-oom
-- Takes a worker that is gone out of a queue, so that its takes are refused, should it only have been paused.
-- KEYS  1 workers  2 nodes
-- ARGV  1 boot
-- Returns 1, or 0 where it is here again: then what it holds is its own.
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
