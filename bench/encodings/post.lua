-- For wrk: posts the bytes of a file, `wrk … -- <file>`.
function init(args)
  local file = assert(io.open(args[1], 'rb'))
  wrk.method = 'POST'
  wrk.body = file:read('*a')
  wrk.headers['content-type'] = 'application/octet-stream'
  file:close()
end
