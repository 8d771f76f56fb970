#!lua flags=allow-oom
-- Takes an entry out of the dead list and, where a job is given, puts that to the end of its queue.
-- KEYS  1 dead  2 list
-- ARGV  1 the entry  2 the job
-- Returns 1, or 0 where the entry is not there any more.
local kind = redis.call('TYPE', KEYS[2]).ok
if ARGV[2] and kind ~= 'list' and kind ~= 'none' then return redis.error_reply('WRONGTYPE of ' .. KEYS[2]) end
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
if ARGV[2] then redis.call('RPUSH', KEYS[2], ARGV[2]) end
return 1
