-- include _lease
-- Makes the owner the leader when nobody leads, or extends its lease when it leads already.
-- ARGV: owner, lease in ms.
-- Answer: epoch, 1 when the owner leads, 1 when the leadership is new.
-- Safe to repeat.
local owner, lease_ms = ARGV[1], ARGV[2]
local present = redis.call('GET', LEADER)
if present == owner then
  redis.call('PEXPIRE', LEADER, lease_ms)
  return { redis.call('GET', EPOCH), 1, 0 }
elseif present then
  return { redis.call('GET', EPOCH) or '0', 0, 0 }
end
-- Counted from the clock, so that it grows even when Redis lost everything.
local epoch = string.format('%.0f', math.max(tonumber(redis.call('GET', EPOCH) or '0') + 1, now_ms()))
redis.call('SET', EPOCH, epoch)
redis.call('SET', LEADER, owner, 'PX', lease_ms)
count('elections')
return { epoch, 1, 1 }
