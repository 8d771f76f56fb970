#!lua flags=allow-oom
-- Notes that the jobs of a node that is gone are cancelled, unless it is here again.
-- KEYS  1 nodes  2 gone
-- ARGV  1 boot
-- Returns 1, or 0 where it is here.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 or redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1] .. ':cancelled', 1)
return 1
