# Pops jobs and answers them, at most once: the job in its hand dies with it. Needs the gem redis, nothing of Tempest.
require_relative 'app'
require_relative 'store'

$stdout.sync = true
puts "worker.rb works for #{QUEUE}"
redis = connect
loop do
  _, raw = redis.blpop("{#{QUEUE}}:high", QUEUE, "{#{QUEUE}}:low", timeout: 3)
  mailbox, entry = App.run(raw) if raw
  # A new list: its reader may be gone for good (P-47).
  redis.expire(mailbox, 21_600) if mailbox && redis.rpush(mailbox, entry) == 1
rescue Redis::BaseError => e
  puts e.message
  sleep 0.5
end
