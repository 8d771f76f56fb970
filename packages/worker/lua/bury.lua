#!lua flags=allow-oom
-- Keeps an entry that could not be decoded, as it was.
-- KEYS  1 dead
-- ARGV  1 the entry  2 how many entries are kept
-- Returns the length of the list.
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1)
return redis.call('LLEN', KEYS[1])
