-- include _server
-- Makes the owner the leader when nobody leads, or extends its lease when it leads already.
-- ARGV: owner, lease in ms.
-- Answer: epoch, 1 when the owner leads, 1 when the leadership is new.
-- Safe to repeat.
-- Redis keeps the end of the lease by its wall clock. When that jumps back the key would outlive the lease: it is cut.
-- When it jumps ahead the key is gone, and whoever asks first leads; what the former one still emits is refused.
local owner, lease_ms = ARGV[1], ARGV[2]
local present = redis.call('GET', LEADER)
if present == owner then
  redis.call('PEXPIRE', LEADER, lease_ms)
  return { redis.call('GET', EPOCH), 1, 0 }
elseif present then
  if redis.call('PTTL', LEADER) > tonumber(lease_ms) then redis.call('PEXPIRE', LEADER, lease_ms) end
  return { redis.call('GET', EPOCH) or '0', 0, 0 }
end
-- Counted from the clock, so that it grows even when Redis lost everything.
local epoch = string.format('%.0f', math.max(tonumber(redis.call('GET', EPOCH) or '0') + 1, wall_ms()))
redis.call('SET', EPOCH, epoch)
redis.call('SET', LEADER, owner, 'PX', lease_ms)
count('elections')
return { epoch, 1, 1 }
