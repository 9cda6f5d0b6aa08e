-- Takes a place for one holder, or keeps it for longer; with its end, and its key in the index, as put.lua.
-- KEYS[1]: the value. KEYS[2]: sorted set of all keys. KEYS[3]: sorted set of all keys by the moment of their end.
-- ARGV[1]: the key as nodes know it. ARGV[2]: the holder, as JSON. ARGV[3]: time to live in milliseconds.
-- Returns 1 where the holder has it now, 0 where another one has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[1])
return 1
