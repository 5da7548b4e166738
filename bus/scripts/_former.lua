-- What an older version left: a list per queue and level, and delayed messages among the ticks of the timetable.

-- Lets up to `most` messages of each former list wait in turn, in their order. Returns how many.
local function adopt_lists(most)
  local lists = {}
  for _, queue in ipairs(redis.call('SMEMBERS', QUEUES)) do
    for _, level in ipairs({ 'high', 'normal', 'low' }) do
      lists[#lists + 1] = former_queue_key(queue, level)
    end
  end
  if #lists == 0 or redis.call('EXISTS', unpack(lists)) == 0 then return 0 end
  local moved = 0
  for _, list in ipairs(lists) do
    if moved < most then
      local ids = redis.call('LPOP', list, most - moved) or {}
      send_on(ids)
      moved = moved + #ids
    end
  end
  return moved
end

-- Sends on due messages that are entered in the timetable itself. Returns how many.
local function adopt_due(at, most)
  local ids, members = {}, {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', TIMETABLE, '-inf', at, 'LIMIT', 0, most)) do
    if string.sub(member, 1, 2) == 'm:' then
      members[#members + 1] = member
      ids[#ids + 1] = string.sub(member, 3)
    end
  end
  if #ids > 0 then redis.call('ZREM', TIMETABLE, unpack(members)) end
  return send_on(ids)
end

local function adopt(at, most)
  return adopt_lists(most) + adopt_due(at, most)
end
