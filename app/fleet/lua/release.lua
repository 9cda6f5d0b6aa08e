-- Gives a place back, if it is the holder's still.
-- KEYS[1]: the value. KEYS[2]: sorted set of all keys. KEYS[3]: sorted set of all keys by the moment of their end.
-- ARGV[1]: the key as nodes know it. ARGV[2]: the holder, as JSON.
-- Returns 1 where it was the holder's, 0 where it was not any more.
if redis.call('GET', KEYS[1]) ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
