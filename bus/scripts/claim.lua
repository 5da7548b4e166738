-- include _lease
-- Hands the leader the ticks that are due (they stay until emitted) and moves due delayed messages.
-- ARGV: epoch, most entries.
-- Answer: "stale", or: server time in ms, due time of the next entry or "", messages moved, then pairs of tick and due time.
-- Safe to repeat.
if redis.call('GET', EPOCH) ~= ARGV[1] then
  count('stale_emissions')
  return { 'stale' }
end
local most = tonumber(ARGV[2])
local at = now_ms()
local now = string.format('%.0f', at)
local entries = redis.call('ZRANGEBYSCORE', TIMETABLE, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
local answer = { now, '', 0 }
for i = 1, #entries, 2 do
  local member, due = entries[i], entries[i + 1]
  if string.sub(member, 1, 2) == 'm:' then
    if send_due(member) then answer[3] = answer[3] + 1 end
  else
    answer[#answer + 1] = string.sub(member, 3)
    answer[#answer + 1] = due
  end
end
local first = redis.call('ZRANGEBYSCORE', TIMETABLE, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
if first[2] then answer[2] = first[2] end
if #entries == most * 2 then answer[2] = now end
return answer
