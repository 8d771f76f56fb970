#!lua flags=allow-oom
-- Puts jobs that were not begun back to the head of the list they came from.
-- KEYS  1 held  2 list
-- ARGV  1 … the bytes of the jobs, last first
-- Returns how many were put back; a job that is no longer in held belongs to somebody else.
local kind = redis.call('TYPE', KEYS[2]).ok
-- Looked at first: what is out of held must not fail to get into the list.
if kind ~= 'list' and kind ~= 'none' then return redis.error_reply('WRONGTYPE of ' .. KEYS[2]) end

local returned = 0
for i = 1, #ARGV do
  if redis.call('LREM', KEYS[1], -1, ARGV[i]) == 1 then
    redis.call('LPUSH', KEYS[2], ARGV[i])
    returned = returned + 1
  end
end
return returned
