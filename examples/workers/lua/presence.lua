-- Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
local cjson = require 'cjson'
local posix = require 'posix'
local socket = require 'socket'
local store = require 'store'

local random = io.open('/dev/urandom', 'rb')
local boot = ('%016x'):format(string.unpack('J', random:read(8)))
random:close()
local workers = '{' .. store.queue .. '}:workers'
local record =
  cjson.encode {role = 'worker', queues = {store.queue}, pid = posix.getpid 'pid', patience = 2500}

local function beat(redis)
  local now = redis:time()[1] * 1000
  redis:transaction(function(tx)
    tx:hset('tempest:nodes', boot, record)
    tx:hincrby('tempest:beats', boot, 1)
    tx:zadd(workers, now, boot)
  end)
end

-- In a process of its own, since a handler that computes for long must not look dead; and only as long as this one lives.
local function start()
  local parent = posix.getpid 'pid'
  local pid = assert(posix.fork())
  if pid > 0 then return pid end
  posix.signal(posix.SIGINT, posix.SIG_IGN) -- Ctrl-C is for the whole group
  posix.signal(posix.SIGTERM, posix.SIG_IGN)
  local redis
  while posix.getpid 'ppid' == parent do
    local well = pcall(function()
      redis = redis or store.connect()
      beat(redis)
    end)
    if not well then redis = nil end -- who works hears of it as well
    socket.sleep(0.5)
  end
  os.exit()
end

local function leave(redis, beats)
  posix.kill(beats, posix.SIGKILL)
  posix.wait(beats)
  redis:transaction(function(tx)
    tx:hdel('tempest:nodes', boot)
    tx:hdel('tempest:beats', boot)
    tx:zrem(workers, boot)
  end)
end

return {boot = boot, beat = beat, start = start, leave = leave}
