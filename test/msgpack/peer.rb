# The other side of MessagePack, in Ruby: packs and unpacks what it is told, line by line, or works and answers as a worker.
#
#   peer.rb                   lines of {"pack": tagged} or {"unpack": hex} in, {"hex"} or {"value": tagged} or {"error"} out
#   peer.rb worker <url> <queue>
require 'json'
require 'msgpack'

FACTORY = MessagePack::Factory.new
FACTORY.register_type(-1, MessagePack::Timestamp,
                      packer: ->(time) { MessagePack::Timestamp.to_msgpack_ext(time.sec, time.nsec) },
                      unpacker: MessagePack::Timestamp.method(:from_msgpack_ext))

def tagged(value)
  case value
  when String then value.encoding == Encoding::BINARY ? { '$bin' => value.unpack1('H*') } : value
  when Integer then value.abs <= 2**53 ? value : { '$int' => value.to_s }
  when Float
    return { '$float' => value.to_s } unless value.finite?

    value == value.to_i && value.abs <= 2**53 ? value.to_i : value
  when MessagePack::Timestamp then { '$time' => [value.sec, value.nsec] }
  when Array then value.map { |each| tagged(each) }
  when Hash then value.to_h { |key, each| [key.to_s, tagged(each)] }
  else value
  end
end

def plain(value)
  case value
  when Array then value.map { |each| plain(each) }
  when Hash
    return [value['$bin']].pack('H*') if value.key?('$bin')
    return Integer(value['$int']) if value.key?('$int')
    return { 'NaN' => Float::NAN, 'Infinity' => Float::INFINITY }.fetch(value['$float'], -Float::INFINITY) if value.key?('$float')
    return MessagePack::Timestamp.new(*value['$time']) if value.key?('$time')

    value.transform_values { |each| plain(each) }
  else value
  end
end

def talk
  $stdout.sync = true
  $stdin.each_line do |line|
    asked = JSON.parse(line, max_nesting: false)
    begin
      said = if asked.key?('pack')
               { hex: FACTORY.dump(plain(asked['pack'])).unpack1('H*') }
             else
               { value: tagged(FACTORY.load([asked['unpack']].pack('H*'))) }
             end
      text = JSON.generate(said, max_nesting: 0)
    rescue StandardError => e
      text = JSON.generate({ error: e.class.name })
    end
    puts text
  end
end

def work(url, queue)
  require 'redis'
  client = Redis.new(url: url)
  $stdout.sync = true
  puts 'ready'
  loop do
    _, raw = client.blpop(queue, timeout: 1)
    next unless raw

    action, args, respond_to, job_id = MessagePack.unpack(raw)
    result = if action == 'url'
               body = args[0]['body'] || ''.b
               kind = "#{body.encoding} #{body.bytesize}"
               [200, { 'content-type' => 'application/octet-stream', 'x-body' => kind }, body]
             else
               args.map { |arg| arg.class.name } + args
             end
    client.rpush(respond_to, MessagePack.pack(['answer', job_id, result])) if respond_to
  end
end

ARGV[0] == 'worker' ? work(ARGV[1], ARGV[2]) : talk
