-- Says which messages the bus still holds: waiting, delayed, leased, or ended and not yet recorded.
-- ARGV: message ids.
-- Answer: 1 or 0 for each.
-- Safe to repeat.
local answer = {}
for i, id in ipairs(ARGV) do
  local known = redis.call('HEXISTS', MESSAGES, id) == 1 or redis.call('HEXISTS', SETTLED, id) == 1
  answer[i] = known and 1 or 0
end
return answer
