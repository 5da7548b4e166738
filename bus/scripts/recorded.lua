-- include _server _turns _put _lease
-- Drops outcomes that are recorded in the store, and what was kept of the messages they settled.
-- ARGV: consumer group, number of entries, entry ids, then per settled message three: id, fence, 1 when it has ended for
-- good and 0 when it may be sent again.
-- Answer: entries dropped.
-- Safe to repeat.
local entries = tonumber(ARGV[2])
local dropped = 0
if entries > 0 then
  redis.call('XACK', OUTCOMES, ARGV[1], unpack(ARGV, 3, 2 + entries))
  dropped = redis.call('XDEL', OUTCOMES, unpack(ARGV, 3, 2 + entries))
end
local over = {}
for i = 3 + entries, #ARGV, 3 do
  -- Only the end that was recorded: the task may have been sent again meanwhile, and ended again.
  if redis.call('HGET', SETTLED, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', SETTLED, ARGV[i]) end
  if ARGV[i + 2] == '1' then over[#over + 1] = ARGV[i] end
end
remember_ended(over, now_ms())
return dropped
