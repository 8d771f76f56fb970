#!lua flags=allow-oom
-- Writes one field of the nodes that are gone. None stands without a time to live: whoever writes it may end at any point.
-- KEYS  1 gone
-- ARGV  1 field  2 value  3 seconds that the hash lives at least  4 … fields to remove
if #ARGV > 3 then redis.call('HDEL', KEYS[1], unpack(ARGV, 4)) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
