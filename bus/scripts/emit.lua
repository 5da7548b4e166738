-- include _server _turns _put
-- Moves decided ticks and windows on to their next due time and sends what they started, in one step, fenced by the epoch.
-- ARGV: epoch, number of entries; per entry three: entry, due time that was decided, next due time or "";
--       then per message four: id, header line, body, delay in ms (0: now).
-- Answer: -1 when the epoch is stale (nothing is done), else the number of messages that were new.
-- Safe to repeat: an entry moves on only from the due time that was decided, a message is put in once.
if redis.call('GET', EPOCH) ~= ARGV[1] then
  count('stale_emissions')
  return -1
end
local entries = tonumber(ARGV[2])
if entries > 0 then
  local members = {}
  for n = 0, entries - 1 do members[n + 1] = ARGV[3 + 3 * n] end
  local dues = redis.call('ZMSCORE', TIMETABLE, unpack(members))
  local moved, over = {}, {}
  for n = 0, entries - 1 do
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
for i = 3 + 3 * entries, #ARGV, 4 do
  messages[#messages + 1] = { ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]) }
end
return put_new(messages, now_ms())
