-- Sets a value with its end, puts its key into the index, and drops keys from the index whose values have ended.
-- KEYS[1]: the value. KEYS[2]: sorted set of all keys, all with score 0, so that it is ordered by bytes.
-- KEYS[3]: sorted set of all keys by the moment of their end, in milliseconds of the server's clock.
-- ARGV[1]: the key as nodes know it. ARGV[2]: JSON. ARGV[3]: time to live in milliseconds. ARGV[4]: keys dropped at most.
-- Returns how many keys were dropped.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[1])
local ended = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[4])
if #ended > 0 then
  redis.call('ZREM', KEYS[2], unpack(ended))
  redis.call('ZREM', KEYS[3], unpack(ended))
end
return #ended
