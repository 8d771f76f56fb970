#!lua flags=allow-oom
-- Cancels the jobs of a node that is gone, unless it is here again, and notes that: it must know when it comes back.
-- KEYS  1 nodes  2 gone
-- ARGV  1 boot  2 the message for workers  3 … cancel channels
-- Returns 1, or 0 where it is here.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 or redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1] .. ':cancelled', 1)
for i = 3, #ARGV do redis.call('PUBLISH', ARGV[i], ARGV[2]) end
return 1
