-- What this worker answers: put yours into `handle`. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
local cjson = require 'cjson'
local mime = require 'mime'
local socket = require 'socket'
local url = require 'socket.url'

local text = {['content-type'] = 'text/plain; charset=utf-8'}

local function parameters(query)
  local found = {}
  for name, value in query:gmatch '([^&=]+)=([^&]*)' do
    found[url.unescape(name)] = url.unescape((value:gsub('%+', ' ')))
  end
  return found
end

-- Returns status, headers and body. An error that is a table refuses the request: the client sees the status, the message is for
-- the log of the front.
local function handle(method, target, headers, body)
  local path, query = target:match '^([^?]*)%??(.*)$'
  local params = parameters(query)
  local route = method .. ' ' .. path
  if route == 'GET /' or route == 'HEAD /' then
    return 200, text, 'Hello from Lua\n'
  elseif route == 'GET /json' then
    local answer = {method = method, name = params.name}
    return 200, {['content-type'] = 'application/json'}, cjson.encode(answer)
  elseif route == 'POST /echo' then
    return 200, {['content-type'] = headers['content-type'] or 'application/octet-stream'}, body
  elseif route == 'GET /cookies' then
    return 200, {['set-cookie'] = {'a=1; Path=/', 'b=2; Path=/'}}, 'two cookies\n'
  elseif route == 'GET /error' then
    error {status = 409, message = 'out of stock'}
  elseif route == 'GET /slow' then
    socket.sleep(params.ms / 1000)
    return 200, text, 'slow'
  end
  return 404, text, 'not found\n'
end

-- Bytes are text in JSON, or else base64 (P-20).
local function from_json(body)
  if type(body) == 'table' then return mime.unb64(body.base64) or '' end
  return type(body) == 'string' and body or ''
end

-- utf8.len takes the halves of a pair, which are no UTF-8.
local function to_json(body)
  if utf8.len(body) and not body:find '\xED[\xA0-\xBF]' then return body end
  return {base64 = mime.b64(body)}
end

local function reply(action, args)
  if action ~= 'url' then error {code = 'NO_HANDLER', message = 'no handler for ' .. action} end
  local request = args[1]
  local status, headers, body =
    handle(request.method, request.url, request.headers, from_json(request.body))
  return {status, headers, to_json(body)}
end

-- The mailbox that waits for a reply to this job, and the reply. Nothing where nobody waits, or this is no job.
local function run(raw)
  local decoded, job = pcall(cjson.decode, raw)
  if not decoded or type(job) ~= 'table' then job = {} end
  local action, args, mailbox, id = table.unpack(job, 1, 4)
  local typed = type(action) == 'string' and type(args) == 'table' and #job == 4
  -- No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
  local addressed = mailbox == cjson.null or type(mailbox) == 'string' and mailbox:find '^[^{]'
  if type(id) == 'number' then id = ('%.14g'):format(id) end
  if not typed or not addressed or type(id) ~= 'string' then
    io.stderr:write('not a job: ', raw:sub(1, 100), '\n')
    return
  end
  local handled, what = pcall(reply, action, args)
  if not handled and type(what) ~= 'table' then what = {message = tostring(what)} end
  if mailbox ~= cjson.null then
    return mailbox, cjson.encode {handled and 'answer' or 'fail', id, what}
  end
end

return {run = run}
