-- The way to Redis, as the environment gives it.
local redis = require 'redis'
local unescape = require('socket.url').unescape

redis.commands.blmove = redis.command 'BLMOVE' -- younger than redis-lua

local function refuse(why)
  io.stderr:write(why, '\n')
  os.exit(1)
end

-- What is empty counts as not set.
local function setting(name, otherwise)
  local value = os.getenv(name)
  return value ~= '' and value or otherwise
end

-- redis://[[user]:password@]host[:port][/db]
local function parts(url)
  local login, rest = url:match '^redis://([^@/]*)@(.*)$'
  local user, password = (login or ':'):match '^([^:]*):(.*)$'
  rest = rest or url:match '^redis://(.*)$' or ''
  local host, port, db = rest:match '^([%w_.-]+)(:?%d*)/?(%d*)$'
  if not host then host, port, db = rest:match '^%[([%x:.]+)%](:?%d*)/?(%d*)$' end
  local escaped = (login or ''):gsub('%%%x%x', ''):find '%%'
  if not host or not user or escaped or port == ':' or #db > 5 then return end
  port = tonumber(port:sub(2)) or 6379
  if port > 65535 then return end
  return host, port, tonumber(db) or 0, unescape(user), unescape(password)
end

local queue = setting('TEMPEST_QUEUES', 'tempest')
if queue:find ',' then refuse 'TEMPEST_QUEUES: this worker serves one queue, and takes no comma' end
local host, port, db, user, password = parts(setting('TEMPEST_REDIS_URL', 'redis://localhost'))
if not host then
  refuse 'TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]'
end

-- Nothing on it waits for more than 5 s.
local function connect()
  local store = redis.connect {host = host, port = port, timeout = 5}
  if user ~= '' and password ~= '' then
    store:auth(user, password)
  elseif password ~= '' then
    store:auth(password)
  end
  store:select(db)
  return store
end

return {connect = connect, queue = queue}
