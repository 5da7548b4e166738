-- include _lease
-- Drops outcomes that are recorded in the store, and what was kept of the messages they ended.
-- ARGV: consumer group, number of entries, entry ids, then pairs of message id and fence that ended.
-- Answer: entries dropped.
-- Safe to repeat.
local entries = tonumber(ARGV[2])
local dropped = 0
if entries > 0 then
  redis.call('XACK', OUTCOMES, ARGV[1], unpack(ARGV, 3, 2 + entries))
  dropped = redis.call('XDEL', OUTCOMES, unpack(ARGV, 3, 2 + entries))
end
for i = 3 + entries, #ARGV, 2 do
  -- Only the end that was recorded: the task may have been sent again meanwhile, and ended again.
  if redis.call('HGET', SETTLED, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', SETTLED, ARGV[i]) end
end
return dropped
