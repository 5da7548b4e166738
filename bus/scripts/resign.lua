-- Gives the leadership back, if it is the owner's.
-- ARGV: owner.
-- Answer: 1 when it was.
-- Safe to repeat.
if redis.call('GET', LEADER) == ARGV[1] then
  return redis.call('DEL', LEADER)
end
return 0
