-- include _server
-- Keeps who is there, and says who came when nobody was.
-- ARGV: join, stay or leave; member, time in ms for which it is believed, 1 when it joins and nobody else can be there.
-- Answer: 1 when the member is the one that found nobody there, which it stays until it leaves or another finds nobody;
-- else 0.
-- Safe to repeat.
local action, member = ARGV[1], ARGV[2]
local at = now_ms()
if action == 'leave' then
  redis.call('ZREM', PRESENT, member)
  if redis.call('GET', FOUNDER) == member then redis.call('DEL', FOUNDER) end
  return 0
end
if ARGV[4] == '1' and redis.call('GET', FOUNDER) ~= member then redis.call('DEL', PRESENT) end
redis.call('ZREMRANGEBYSCORE', PRESENT, '-inf', at)
if action == 'join' and redis.call('ZCARD', PRESENT) == 0 then
  redis.call('SET', FOUNDER, member)
end
redis.call('ZADD', PRESENT, at + tonumber(ARGV[3]), member)
return redis.call('GET', FOUNDER) == member and 1 or 0
