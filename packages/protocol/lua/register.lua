#!lua flags=allow-oom
-- Writes a node's record, and beats.
-- KEYS  1 nodes  2 beats  3 gone
-- ARGV  1 boot  2 record
-- Returns { what stands in gone where it was swept, 1 where its jobs were cancelled else 0 }. It stands there until the node has seen to
-- it and removes it: this reply may be lost.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
local gone = redis.call('HGET', KEYS[3], ARGV[1])
if not gone then return { '', 0 } end
return { gone, redis.call('HEXISTS', KEYS[3], ARGV[1] .. ':cancelled') }
