#!lua flags=allow-oom
-- Claims an address for a node, keeps the claim, or gives it up.
-- KEYS  1 claim  2 the list of that name
-- ARGV  1 boot  2 ms until it falls to whoever wants it; 0: it is given up
-- Returns the boot that has it now, or '' where nobody has.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return owner end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1], KEYS[2])
  return ''
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
