#!lua flags=allow-oom
-- Runs one small command that a full Redis would refuse: what says that a job is being finished is what makes room.
-- KEYS  1 key
-- ARGV  1 command  2 … its arguments behind the key
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
