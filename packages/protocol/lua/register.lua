#!lua flags=allow-oom
-- Writes a node's record, and beats.
-- KEYS  1 nodes  2 beats  3 gone
-- ARGV  1 boot  2 record
-- Returns what stood in gone where it was swept since it wrote its record last, else an empty string.
local new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
if new == 0 then return '' end
local gone = redis.call('HGET', KEYS[3], ARGV[1])
if not gone then return '' end
redis.call('HDEL', KEYS[3], ARGV[1])
return gone
