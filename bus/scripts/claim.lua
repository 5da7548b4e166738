-- include _server _turns _put _lease _due
-- Hands the leader the ticks and windows that are due (they stay until emitted) and moves due delayed messages.
-- ARGV: epoch, most entries, the time in ms up to which entries are due or "" for the server's.
-- Answer: "stale", or: that time, due time of the next entry or "", messages moved, server time in ms, then pairs of entry
-- and due time.
-- Ticks and windows are due by the leader's clock, which can be trusted; delays were counted from the time of the bus,
-- and end by it. The due time of the next one is told by the leader's.
-- Safe to repeat.
if redis.call('GET', EPOCH) ~= ARGV[1] then
  count('stale_emissions')
  return { 'stale' }
end
local most = tonumber(ARGV[2])
local wall, passed = wall_ms(), now_ms()
local at = ARGV[3] == '' and wall or tonumber(ARGV[3])
local now = string.format('%.0f', at)
local answer = { now, '', send_due(passed, most), string.format('%.0f', wall) }
local full = answer[3] == most
local entries = redis.call('ZRANGEBYSCORE', TIMETABLE, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
for i = 1, #entries, 2 do
  -- A delayed message that an older version entered here is adopted by reap.
  if string.sub(entries[i], 1, 2) ~= 'm:' then
    answer[#answer + 1] = entries[i]
    answer[#answer + 1] = entries[i + 1]
  end
end
if full or #entries == most * 2 then
  answer[2] = now
  return answer
end
local following = redis.call('ZRANGEBYSCORE', TIMETABLE, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
local delayed = redis.call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')[2]
local next_due = math.min(following and tonumber(following) or math.huge, delayed and delayed - passed + at or math.huge)
if next_due < math.huge then answer[2] = string.format('%.0f', next_due) end
return answer
