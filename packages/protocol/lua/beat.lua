#!lua flags=allow-oom
-- Says that a node is here. A full Redis lets it run: otherwise every node would look dead.
-- KEYS  1 beats  2 nodes
-- ARGV  1 boot
-- A beat on its way while its node leaves, or is swept, comes too late to count.
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
