# Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs the gem redis, nothing of Tempest.
require_relative 'app'
require_relative 'presence'
require_relative 'store'

HELD = "{#{QUEUE}}:held:#{Presence::BOOT}".freeze

def finish(redis, raw)
  mailbox, entry = App.run(raw)
  redis.multi do |tx|
    tx.rpush(mailbox, entry) if mailbox
    tx.expire(mailbox, 21_600) if mailbox
    tx.lrem(HELD, 1, raw)
  end
end

stopping = false
%w[INT TERM].each { |name| trap(name) { stopping = true } }
Presence.start
$stdout.sync = true
puts "safe.rb works for #{QUEUE}"
redis = connect
begin
  Presence.beat(redis) # before it pops: what it holds must be found
  loop do
    if (raw = redis.lindex(HELD, 0)) # what stands here is its own, and nothing else (P-72)
      finish(redis, raw)
    elsif stopping
      break Presence.leave(redis)
    else
      redis.blmove(QUEUE, HELD, 'LEFT', 'RIGHT', timeout: 2)
    end
  end
rescue Redis::BaseError => e
  puts e.message
  sleep 0.5
  retry unless stopping
end
