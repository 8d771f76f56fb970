#!lua flags=allow-oom
-- Pushes replies to one mailbox.
-- KEYS  1 mailbox
-- ARGV  1 … entries
-- Returns the length of the mailbox.
-- A mailbox this makes anew gets a time to live: its node may be gone for good. A node that lives renews it.
local length = redis.call('RPUSH', KEYS[1], unpack(ARGV))
if length == #ARGV then redis.call('EXPIRE', KEYS[1], 21600) end
return length
