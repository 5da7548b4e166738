-- Says whether a lease still is what its worker believes.
-- ARGV: message id, fence.
-- Answer: 1 or 0.
-- Safe to repeat.
local lease = redis.call('HGET', HELD, ARGV[1])
if lease and string.sub(lease, 1, #ARGV[2] + 1) == ARGV[2] .. ' ' then return 1 end
return 0
