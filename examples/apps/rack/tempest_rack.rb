# Runs a Rack application as a worker that pulls: ruby tempest_rack.rb config.ru
#
# Needs the gems rack and redis, and nothing of Tempest. Each thread is a worker with a held list (docs/protocol.md, P-71): when the process
# dies, what it had in hand goes to another worker or ends in 502. Replies go whole; a cancelled request runs to its end.
require 'base64'
require 'json'
require 'rack'
require 'redis'
require 'securerandom'
require 'stringio'
require 'uri'

def setting(name) # an empty one counts as not set
  text = ENV[name].to_s.strip
  text.empty? ? nil : text
end

URL_FROM = setting('TEMPEST_REDIS_URL') ? 'TEMPEST_REDIS_URL' : 'REDIS_URL'
URL = setting(URL_FROM) || 'redis://localhost'
QUEUE = setting('TEMPEST_QUEUES') || 'tempest'
THREADS = setting('TEMPEST_CONCURRENCY') || '8'
MAX_BODY = 32 * 1024 * 1024
MAX_SECONDS = 600 # for a response whose job has no deadline
VERBS = %w[answer fail lost head chunk end pause resume send close].freeze # P-43
META = { 'deadline' => [Integer, Float], 'attempt' => [Integer], 'retry' => [TrueClass, FalseClass],
         'epoch' => [String], 'request_id' => [String] }.freeze # P-13
HOP_BY_HOP = %w[connection keep-alive proxy-connection te trailer transfer-encoding upgrade].freeze
$stdout.sync = true
$stopping = false

def connect # P-61: a client that repeats BLMOVE by itself moves two jobs and tells of one
  Redis.new(url: URL, reconnect_attempts: 0, timeout: 5)
end

def check_settings
  unless THREADS.match?(/\A[1-9]\d{0,2}\z/)
    abort("TEMPEST_CONCURRENCY=#{THREADS} cannot be used: it must be a whole number from 1 to 999.")
  end
  unless QUEUE.match?(/\A[^\s{}:,]{1,128}\z/)
    abort("TEMPEST_QUEUES=#{QUEUE} cannot be used: this works for one queue, without white space, braces or colons; start one for each.")
  end
  return if redis_url?

  # Never repeated: there may be a password in it.
  abort("#{URL_FROM} is not the URL of a Redis: use redis://host:6379, rediss://user:password@host:6379/0 or unix:///path/of/redis.sock.")
end

def redis_url?
  where = URI.parse(URL)
  connect
  return !where.path.to_s.empty? if where.scheme == 'unix'

  %w[redis rediss].include?(where.scheme) && !where.host.to_s.empty? && where.path.match?(%r{\A/?\d*\z})
rescue ArgumentError, URI::Error
  false
end

def to_bytes(body) # P-20
  raise TypeError, 'body' unless [Hash, String, NilClass].any? { |kind| body.is_a?(kind) }

  (body.is_a?(Hash) ? Base64.strict_decode64(body['base64']) : body.to_s).b
end

def to_text(bytes)
  text = bytes.dup.force_encoding(Encoding::UTF_8)
  text.valid_encoding? ? text : { base64: Base64.strict_encode64(bytes) }
end

# Fields and urls have one character for each byte.
def field(text)
  text.encode(Encoding::ISO_8859_1).b
end

def environment(request)
  raise TypeError, 'method or url' unless request.values_at('method', 'url').all?(String)

  path, query = field(request['url']).split('?', 2)
  path = path.sub(%r{\A[^/]*://[^/]*}, '') unless path.start_with?('/') # absolute form: http://host/path
  headers = (request['headers'] || {}).to_h do |name, value|
    raise TypeError, name unless Array(value).all?(String)

    [name, field(Array(value).join(','))]
  end
  scheme = headers['x-forwarded-proto'] == 'https' ? 'https' : 'http'
  # An IPv6 address keeps its brackets; a port is a number, whatever the client wrote.
  _, host, port = */\A(\[[^\]\[]+\]|[^:\[]*)(?::(\d{1,5})\z)?/n.match(headers.fetch('host', ''))
  body = to_bytes(request['body'])
  env = {
    'REQUEST_METHOD' => field(request['method']),
    'SCRIPT_NAME' => field(request.fetch('mount', '')),
    'PATH_INFO' => path.start_with?('/') ? path : "/#{path}",
    'QUERY_STRING' => query.to_s,
    'SERVER_NAME' => host.to_s.empty? ? 'localhost' : host,
    'SERVER_PORT' => port || (scheme == 'https' ? '443' : '80'),
    'SERVER_PROTOCOL' => 'HTTP/1.1',
    'REMOTE_ADDR' => request.fetch('remote', ''),
    'CONTENT_LENGTH' => body.bytesize.to_s,
    'rack.version' => [1, 3],
    'rack.url_scheme' => scheme,
    'rack.input' => StringIO.new(body).set_encoding(Encoding::BINARY),
    'rack.errors' => $stderr,
    'rack.multithread' => true,
    'rack.multiprocess' => true,
    'rack.run_once' => false
  }
  headers.each do |name, value|
    next if name.include?('_') || name == 'content-length' # x_y would pass for x-y

    key = name.upcase.tr('-', '_')
    env[key == 'CONTENT_TYPE' ? key : "HTTP_#{key}"] = value
  end
  env
end

class Late < StandardError
  def initialize = super('the response went on for too long')
end

# What the application says, until it is whole; for a body of Rack 3 that is called, its stream. Its limits are looked at with each piece, so
# one that says nothing more has none.
class Gathered
  def initialize(seconds)
    @until = now + seconds
    @bytes = ''.b
    @size = 0
  end

  def <<(piece)
    write(piece)
    self
  end

  def write(*pieces)
    raise IOError, 'closed stream' if @closed

    bytes = pieces.map { |piece| piece.to_s.b }
    @size += bytes.sum(&:bytesize)
    check
    bytes.each { |each| @bytes << each }.sum(&:bytesize)
  end

  def close
    @closed = true
    nil
  end
  alias close_write close

  def closed? = @closed == true
  def flush = self
  def read(*) = nil # the request's body is rack.input
  def close_read = nil

  def whole
    check # an application may have rescued what was raised
    close
    to_text(@bytes)
  end

  private

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def check
    raise Late if now > @until
    raise "more than #{MAX_BODY} bytes" if @size > MAX_BODY
  end
end

# The application's answer as [status, headers, body].
def call(app, env, seconds)
  status, fields, pieces = app.call(env)
  body = Gathered.new(seconds)
  if pieces.respond_to?(:each) then pieces.each { |piece| body << piece }
  elsif pieces.respond_to?(:call) then pieces.call(body) # it is whole when this returns
  else raise TypeError, "a body has each or call, and this #{pieces.class} has neither"
  end
  [Integer(status), headers_of(fields), body.whole]
ensure
  pieces.close if pieces.respond_to?(:close)
end

def headers_of(fields)
  headers = {}
  fields.each do |name, value|
    next if HOP_BY_HOP.include?(name.downcase) || name.start_with?('rack.')

    # Several of one name are lines in Rack 2, an array in Rack 3.
    values = value.is_a?(Array) ? value : value.to_s.split("\n")
    bare = values.map { |each| each.b.gsub(/\A[ \t]+|[ \t]+\z/n, '') }
    (headers[name.downcase] ||= []).concat(bare.map { |each| each.force_encoding('ISO-8859-1').encode('UTF-8') })
  end
  headers
end

# The four of a job (P-10), the action nil where that or the arguments are none; TypeError where nobody could be told of it (P-15).
def decode(raw)
  text = raw.dup.force_encoding(Encoding::UTF_8)
  job = text.valid_encoding? ? JSON.parse(text) : nil
  raise TypeError, 'not an array of four' unless job.is_a?(Array) && job.size == 4

  action, args, respond_to, id = job
  raise TypeError, 'job_id' unless (id.is_a?(String) && id.valid_encoding?) || (id.is_a?(Integer) && id.abs < 10**15)
  raise TypeError, 'respond_to' unless respond_to.nil? || (mailbox?(respond_to) && id != '')

  proper = action.is_a?(String) && action != '' && !VERBS.include?(action) && args.is_a?(Array)
  [proper ? action : nil, args, respond_to, id]
end

def mailbox?(name)
  name.is_a?(String) && name.valid_encoding? && name != '' && !name.start_with?('{')
end

def deadline_of(request) # P-14; metadata of another shape is none (P-13)
  meta = request['meta']
  return unless meta.is_a?(Hash) && meta['v'] == 1

  meta['deadline'] if META.all? { |key, kinds| kinds.any? { |kind| meta[key].is_a?(kind) } }
end

# What there is to be said of one entry of the queue. Made once, said until Redis takes it: the application is not called again.
class Done
  attr_reader :raw

  def initialize(app, raw, now)
    @raw = raw
    action, args, @respond_to, @id = decode(raw)
    if action.nil?
      bury('action or arguments')
      failed('BAD_REQUEST', 'malformed job')
    elsif action == 'url' then handle(app, args, now)
    else failed('NO_HANDLER', 'only url is handled here')
    end
  rescue JSON::ParserError, TypeError => e
    bury(e.message)
  end

  def handle(app, args, now)
    begin
      env = environment(args.first)
      deadline = deadline_of(args.first)
      return if deadline && deadline < now
    rescue StandardError
      return failed('BAD_REQUEST', 'not a request')
    end
    seconds = deadline ? (deadline - now) / 1000.0 : MAX_SECONDS
    @entry = JSON.generate(['answer', @id, call(app, env, seconds)])
  rescue Late => e
    warn "#{env['REQUEST_METHOD']} #{env['PATH_INFO'].dump}: #{e.message}"
    failed('DEADLINE', e.message)
  rescue Exception => e # SystemExit, too
    report(e)
    failed('HANDLER_FAILED', e.class.to_s)
  end

  def failed(code, message)
    @entry = JSON.generate(['fail', @id, { code: code, message: message }])
  end

  def say(store)
    unless_refused { store.expire(@respond_to, 21_600) if @respond_to && @entry && store.rpush(@respond_to, @entry) == 1 } # P-47
    return unless @dead

    unless_refused do
      store.lpush("{#{QUEUE}}:dead", @raw)
      store.ltrim("{#{QUEUE}}:dead", 0, 999)
    end
  end

  private

  def bury(why) # a job in MessagePack, too: this reads JSON
    @dead = true
    warn "no job, kept in {#{QUEUE}}:dead: #{why[0, 100].inspect}"
  end

  def report(error) # what the application raises is for its operator, not for the client
    warn error.full_message(highlight: false)
  rescue StandardError
    warn error.class
  end

  def unless_refused # P-74: what is refused for good is over; anything else, such as a full memory, passes
    yield
  rescue Redis::CommandError => e
    raise unless e.message.match?(/\A(WRONGTYPE|NOPERM)/)

    warn e.message
  end
end

def work(app, boot)
  held = "{#{QUEUE}}:held:#{boot}"
  store = connect
  done = nil
  begin
    beat(store, [boot]) # before the first pop: what it holds must be found
    loop do
      raw = store.lindex(held, 0) # what stands here is its own, and nothing else (P-72)
      if raw.nil?
        break if $stopping

        store.blmove(QUEUE, held, 'LEFT', 'RIGHT', timeout: 1)
        next
      end
      seconds, micros = store.time
      done = Done.new(app, raw, seconds * 1000 + micros / 1000) unless done&.raw == raw
      done.say(store)
      store.lrem(held, 1, raw) # last of all
      done = nil
    end
  rescue StandardError => e # nothing ends a thread but the end of all
    warn e.inspect
    sleep 0.5
    retry unless $stopping
  end
end

def beat(store, boots) # P-100 record, P-101 beat, P-76 registration, in one transaction
  now = store.time.first * 1000
  record = JSON.generate(role: 'worker', queues: [QUEUE], pid: Process.pid, patience: 2500)
  store.multi do |all|
    boots.each do |boot|
      all.hset('tempest:nodes', boot, record)
      all.hincrby('tempest:beats', boot, 1)
      all.zadd("{#{QUEUE}}:workers", now, boot)
    end
  end
end

def leave(store, boot)
  return unless store.llen("{#{QUEUE}}:held:#{boot}").zero? # else its record stays, and somebody sees to it

  store.hdel('tempest:nodes', boot)
  store.hdel('tempest:beats', boot)
  store.zrem("{#{QUEUE}}:workers", boot)
end

def ask_to_end
  $stopping = true
  # A second one ends it at once; what is in hand is held.
  %w[INT TERM].each { |name| trap(name, 'SYSTEM_DEFAULT') }
end

abort('Usage: ruby tempest_rack.rb config.ru') if ARGV.size != 1 || ARGV[0].start_with?('-')
check_settings
app, = Rack::Builder.parse_file(ARGV[0])
%w[INT TERM].each { |name| trap(name) { ask_to_end } }
threads = Array.new(Integer(THREADS)) { SecureRandom.hex(8) }.to_h { |boot| [boot, Thread.new { work(app, boot) }] }
puts "#{ARGV[0]} works for #{QUEUE}, #{THREADS} at a time"
store = connect
told = false
until (alive = threads.select { |_, thread| thread.alive? }.keys).empty?
  begin
    beat(store, alive)
  rescue Redis::BaseError => e
    warn e.message
  end
  puts 'what is in hand is finished; a second signal ends it at once' if $stopping && !told
  told = $stopping
  sleep($stopping ? 0.1 : 0.5)
end
begin
  threads.each_key { |boot| leave(store, boot) }
rescue Redis::BaseError => e
  warn "its record stays in Redis: #{e.message}"
end
