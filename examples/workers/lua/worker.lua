-- Pops jobs and answers them, at most once: the job in its hand dies with it. Needs redis-lua and luaposix, nothing of Tempest.
package.path = arg[0]:gsub('[^/]*$', '?.lua;') .. package.path
local posix = require 'posix'
local socket = require 'socket'
local app = require 'app'
local store = require 'store'

local queue = store.queue
local high, low = '{' .. queue .. '}:high', '{' .. queue .. '}:low'

local function work()
  local redis = store.connect()
  while true do
    local popped = redis:blpop(high, queue, low, 3)
    local mailbox, entry
    if popped then mailbox, entry = app.run(popped[2]) end
    if mailbox and redis:rpush(mailbox, entry) == 1 then
      redis:expire(mailbox, 21600) -- a new list: its reader may be gone for good (P-47)
    end
  end
end

posix.signal(posix.SIGINT, posix.SIG_DFL) -- Lua makes an error of it, which pcall takes for one of Redis
io.stdout:setvbuf 'line'
print('worker.lua works for ' .. queue)
while true do
  print(select(2, pcall(work)))
  socket.sleep(0.5)
end
