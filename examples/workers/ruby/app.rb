# What this worker answers: put yours into `handle`. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
require 'base64'
require 'json'
require 'uri'

module App
  TEXT = { 'content-type' => 'text/plain; charset=utf-8' }.freeze

  # Raised to refuse a request: the client sees the status, the message is for the log of the front.
  class Failure < StandardError
    attr_reader :status

    def initialize(status, message)
      super(message)
      @status = status
    end
  end

  module_function

  def handle(method, target, headers, body)
    path, query = target.split('?', 2)
    params = URI.decode_www_form(query.to_s).to_h
    case [method, path]
    in ['GET' | 'HEAD', '/']
      [200, TEXT, "Hello from Ruby\n"]
    in ['GET', '/json']
      [200, { 'content-type' => 'application/json' }, { method:, name: params['name'] }.to_json]
    in ['POST', '/echo']
      [200, { 'content-type' => headers.fetch('content-type', 'application/octet-stream') }, body]
    in ['GET', '/cookies']
      [200, TEXT.merge('set-cookie' => ['a=1; Path=/', 'b=2; Path=/']), "two cookies\n"]
    in ['GET', '/error']
      raise Failure.new(409, 'out of stock')
    in ['GET', '/slow']
      sleep Integer(params['ms']) / 1000.0
      [200, TEXT, 'slow']
    else
      [404, TEXT, "not found\n"]
    end
  end

  # The mailbox that waits for a reply to this job, and the reply. Nil where nobody waits, or this is no job.
  def run(raw)
    case JSON.parse(raw.dup.force_encoding('UTF-8'))
    # No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
    in [String => action, Array => args, nil | /\A[^{]/ => mailbox, String | Numeric => id]
      entry = reply(action, args, id.to_s)
      [mailbox, entry.to_json] if mailbox
    end
  rescue ArgumentError, JSON::JSONError, NoMatchingPatternError => e
    warn "not a job: #{raw[0, 100].inspect} #{e.class}"
  end

  def reply(action, args, id)
    return ['fail', id, { code: 'NO_HANDLER', message: "no handler for #{action}" }] if action != 'url'

    request = args.fetch(0)
    body = from_json(request['body'])
    status, headers, body = handle(*request.fetch_values('method', 'url', 'headers'), body)
    ['answer', id, [status, headers, to_json(body)]]
  rescue Failure => e
    ['fail', id, { status: e.status, message: e.message }]
  rescue StandardError => e
    ['fail', id, { message: e.message }]
  end

  # Bytes are text in JSON, or else base64 (P-20).
  def from_json(body)
    body.is_a?(Hash) ? Base64.strict_decode64(body['base64']) : body.to_s
  end

  def to_json(body)
    text = body.dup.force_encoding('UTF-8')
    text.valid_encoding? ? text : { base64: Base64.strict_encode64(body) }
  end
end
