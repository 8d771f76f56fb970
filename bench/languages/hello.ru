# What puma serves beside the worker in Ruby: the same answer, with as many headers as a front sends.
BODY = "Hello from Ruby\n".freeze
ID = '0123456789abcdef-123456-0123456789abcdef'.freeze

run(lambda do |_env|
  headers = { 'content-type' => 'text/plain; charset=utf-8', 'x-request-id' => ID, 'content-length' => BODY.bytesize.to_s }
  [200, headers, [BODY]]
end)
