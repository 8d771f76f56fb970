#!lua flags=allow-oom
-- Says that a node is here. A full Redis lets it run: otherwise every node would look dead.
-- KEYS  1 beats
-- ARGV  1 boot
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
