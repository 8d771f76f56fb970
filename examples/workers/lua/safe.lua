-- Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs redis-lua and luaposix, nothing of Tempest.
package.path = arg[0]:gsub('[^/]*$', '?.lua;') .. package.path
local posix = require 'posix'
local socket = require 'socket'
local app = require 'app'
local presence = require 'presence'
local store = require 'store'

local held = '{' .. store.queue .. '}:held:' .. presence.boot
local stopping = false

local function finish(redis, raw)
  local mailbox, entry = app.run(raw)
  redis:transaction(function(tx)
    if mailbox then
      tx:rpush(mailbox, entry)
      tx:expire(mailbox, 21600)
    end
    tx:lrem(held, 1, raw)
  end)
end

local function work(beats)
  local redis = store.connect()
  presence.beat(redis) -- before it pops: what it holds must be found
  while true do
    local raw = redis:lindex(held, 0) -- what stands here is its own, and nothing else (P-72)
    if raw then
      finish(redis, raw)
    elseif not stopping then
      redis:blmove(store.queue, held, 'LEFT', 'RIGHT', 2)
    else
      return presence.leave(redis, beats)
    end
  end
end

local beats = presence.start()
for _, name in ipairs {posix.SIGINT, posix.SIGTERM} do
  posix.signal(name, function() stopping = true end)
end
io.stdout:setvbuf 'line'
print('safe.lua works for ' .. store.queue)
while not stopping do
  local well, message = pcall(work, beats)
  if not well then
    print(message)
    socket.sleep(0.5)
  end
end
