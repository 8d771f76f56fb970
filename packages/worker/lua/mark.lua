#!lua flags=allow-oom
-- Names a job of a further attempt that begins.
-- KEYS  1 suspects  2 workers
-- ARGV  1 boot  2 the mark
-- Who was taken for dead begins nothing: the job may be somebody else's by now.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return redis.error_reply('SWEPT this worker is not registered') end
return redis.call('SADD', KEYS[1], ARGV[2])
