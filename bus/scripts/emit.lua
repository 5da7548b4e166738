-- include _lease
-- Moves decided ticks on to their next due time and sends what they started, in one step, fenced by the epoch.
-- ARGV: epoch, number of ticks; per tick three: tick, due time that was decided, next due time or "";
--       then per message three: id, header line, body.
-- Answer: -1 when the epoch is stale (nothing is done), else the number of messages that were new.
-- Safe to repeat: a tick moves on only from the due time that was decided, a message is put in once.
if redis.call('GET', EPOCH) ~= ARGV[1] then
  count('stale_emissions')
  return -1
end
local ticks = tonumber(ARGV[2])
if ticks > 0 then
  local members = {}
  for n = 0, ticks - 1 do members[n + 1] = 't:' .. ARGV[3 + 3 * n] end
  local dues = redis.call('ZMSCORE', TIMETABLE, unpack(members))
  local moved, over = {}, {}
  for n = 0, ticks - 1 do
    local member, decided, following = members[n + 1], ARGV[4 + 3 * n], ARGV[5 + 3 * n]
    if dues[n + 1] and tonumber(dues[n + 1]) == tonumber(decided) then
      if following == '' then
        over[#over + 1] = member
      else
        moved[#moved + 1] = following
        moved[#moved + 1] = member
      end
    end
  end
  if #moved > 0 then redis.call('ZADD', TIMETABLE, unpack(moved)) end
  if #over > 0 then redis.call('ZREM', TIMETABLE, unpack(over)) end
end
local messages = {}
for i = 3 + 3 * ticks, #ARGV, 3 do
  messages[#messages + 1] = { ARGV[i], ARGV[i + 1], ARGV[i + 2], 0 }
end
return put_new(messages, now_ms())
