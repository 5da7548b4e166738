-- How messages get in: now or later, each once.
--
-- A message is stored as one header line and its body:  "<t|p> <level> <queue> <run> <attempt> <owner>\n<body>".
-- t is a task of a run (its end is reported through the outcomes stream), p a plain Dramatiq message ("-" for run and
-- owner). The owner is a digest: those of one owner share its turns.

-- A new earliest entry must wake whoever sleeps until the old one.
local function put_later(id, at, delay)
  -- One more: `at` was rounded down, and nothing may start early.
  redis.call('ZADD', DELAYED, at + delay + 1, id)
  local first = redis.call('ZRANGE', DELAYED, 0, 0)
  if first[1] == id and redis.call('LLEN', TIMETABLE_BELL) == 0 then
    redis.call('LPUSH', TIMETABLE_BELL, '1')
  end
end

-- Puts messages in that the bus does not hold yet; each is { id, header line, body, delay in ms }. Returns how many.
-- One command for all of them where that is possible: a call from a script costs more than what it does.
local function put_new(messages, at)
  if #messages == 0 then return 0 end
  local ids = {}
  for i, message in ipairs(messages) do ids[i] = message[1] end
  local held = redis.call('HMGET', MESSAGES, unpack(ids))
  local ended = redis.call('HLEN', SETTLED) > 0 and redis.call('HMGET', SETTLED, unpack(ids)) or {}
  local over = redis.call('ZCARD', ENDED) > 0 and redis.call('ZMSCORE', ENDED, unpack(ids)) or {}
  local stored, groups, new = {}, {}, 0
  local seen = {}
  for i, message in ipairs(messages) do
    local id, header_line = message[1], message[2]
    if not held[i] and not ended[i] and not over[i] and not seen[id] then
      seen[id] = true
      new = new + 1
      stored[2 * new - 1] = id
      stored[2 * new] = header_line .. '\n' .. message[3]
      local place, owner = string.match(header_line, '^%S+ (%S+ %S+) %S+ %S+ ?(%S*)')
      if message[4] > 0 then
        redis.call('SADD', QUEUES, string.match(place, '%S+$'))
        put_later(id, at, message[4])
      else
        collect(groups, place, id, owner == '' and '-' or owner)
      end
    end
  end
  if new == 0 then return 0 end
  redis.call('HSET', MESSAGES, unpack(stored))
  put_collected(groups)
  return new
end
