# The application that the conformance kit asks for (packages/conformance/README.md), in Rack; /error, which is no HTTP, is not in it.
require 'json'

run(lambda do |env|
  query = Rack::Utils.parse_query(env['QUERY_STRING'])
  text = { 'content-type' => 'text/plain' }
  case env['PATH_INFO']
  when '/' then [200, text, ["hello\n"]]
  when '/json'
    body = JSON.generate(method: env['REQUEST_METHOD'], name: query['name'])
    [200, { 'content-type' => 'application/json' }, [body]]
  when '/echo'
    [200, { 'content-type' => env['CONTENT_TYPE'] || 'application/octet-stream' }, [env['rack.input'].read]]
  when '/cookies' then [200, { 'set-cookie' => "a=1; Path=/\nb=2; Path=/" }, []]
  when '/slow'
    sleep query['ms'].to_i / 1000.0
    [200, text, ["at last\n"]]
  else [404, text, ["not found\n"]]
  end
end)
