# The way to Redis, as the environment gives it.
require 'redis'
require 'uri'

# redis://[[user]:password@]host[:port][/db]
FORM = %r{\Aredis://(?:((?:[^%:@/]|%\h\h)*):((?:[^%@/]|%\h\h)*)@)?([\w.-]+|\[[\h:.]+\])(?::(\d{1,5}))?(?:/(\d{0,5}))?\z}

# What is empty counts as not set.
def setting(name, otherwise)
  ENV[name].to_s.empty? ? otherwise : ENV[name]
end

QUEUE = setting('TEMPEST_QUEUES', 'tempest')
abort 'TEMPEST_QUEUES: this worker serves one queue, and takes no comma' if QUEUE.include?(',')
URL = FORM.match(setting('TEMPEST_REDIS_URL', 'redis://localhost'))
abort 'TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]' if URL.nil? || URL[4].to_i > 65_535

# A client that repeats a command by itself pops two jobs and tells of one (P-61).
def connect
  user, password = URL.values_at(1, 2).map { |part| URI::DEFAULT_PARSER.unescape(part) unless part.to_s.empty? }
  host, port, db = URL.values_at(3, 4, 5)
  Redis.new(host: host.delete('[]'), port: port || 6379, db: db.to_i, username: user, password: password,
            timeout: 5, reconnect_attempts: 0)
end
