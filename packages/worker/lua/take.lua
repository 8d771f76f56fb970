#!lua flags=allow-oom
-- Removes finished jobs from a worker's held list, then moves new ones from a queue's lists to its end.
-- KEYS  1 high  2 normal  3 low  4 held  5 workers
-- ARGV  1 n: how many jobs at the most; 0 only removes
--       2 living workers of this queue, for a fair share
--       3 how many jobs at the head of held are finished
--       4 5 6 how many to take at first from high, normal, low; what is then missing is taken in order
--       7 where to look for each of those that follow: 1 from the head of held, -1 from its end
--       8 boot
--       9 … the bytes of jobs finished elsewhere in held
-- Returns { 1 if jobs may be left else 0, TIME in ms, { list, job … } … } in the order in which they stand in held.
-- A worker that is not registered any more was taken for dead and its held list swept: what it believes of that is wrong.
-- A full Redis lets it run (allow-oom): finishing jobs is what makes room.
local held = KEYS[4]
if not redis.call('ZSCORE', KEYS[5], ARGV[8]) then return redis.error_reply('SWEPT this worker is not registered') end
local drop = tonumber(ARGV[3])
if drop > 0 then redis.call('LPOP', held, drop) end
for i = 9, #ARGV do redis.call('LREM', held, ARGV[7], ARGV[i]) end

local n = tonumber(ARGV[1])
local time = redis.call('TIME')
local reply = { 0, time[1] * 1000 + math.floor(time[2] / 1000) }
if n == 0 then return reply end

-- unpack fails near 8,000 values, after the LPOP: hence the 500.
local limit = math.min(n, 500)
local workers = tonumber(ARGV[2])
if workers > 1 and limit > 1 then
  local waiting = redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]) + redis.call('LLEN', KEYS[3])
  limit = math.min(limit, math.max(1, math.ceil(waiting / workers)))
end

local taken = 0
local function move(list, count)
  count = math.min(count, limit - taken)
  if count <= 0 then return end
  local jobs = redis.call('LPOP', KEYS[list], count)
  if not jobs then return end
  local pushed = redis.pcall('RPUSH', held, unpack(jobs))
  if type(pushed) == 'table' and pushed.err then
    for i = #jobs, 1, -1 do redis.call('LPUSH', KEYS[list], jobs[i]) end
    error(pushed.err)
  end
  taken = taken + #jobs
  table.insert(jobs, 1, list)
  reply[#reply + 1] = jobs
end

for list = 1, 3 do move(list, tonumber(ARGV[list + 3])) end
for list = 1, 3 do move(list, limit) end
if taken == limit then reply[1] = 1 end
return reply
