-- Shared by the scripts that name it in `include`: time, headers, queues, leases and reports.
--
-- A message is stored as one header line and its body:  "<t|p> <level> <queue> <run> <attempt>\n<body>".
-- t is a task of a run (its end is reported through the outcomes stream), p a plain Dramatiq message ("-" for run).

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Grows for ever, even when Redis lost everything: a new count starts at the clock, in microseconds.
local function next_fences(count)
  local time = redis.call('TIME')
  local floor = time[1] * 1000000 + time[2]
  local last = tonumber(redis.call('GET', FENCE) or '0')
  local first = math.max(last + 1, floor)
  redis.call('SET', FENCE, string.format('%.0f', first + count - 1))
  return first
end

local function read_header(stored)
  local line_end = string.find(stored, '\n', 1, true)
  local kind, level, queue, run, attempt =
    string.match(string.sub(stored, 1, line_end - 1), '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  return { kind = kind, level = level, queue = queue, run = run, attempt = attempt, body_at = line_end + 1 }
end

local function ring(queue)
  local bell = bell_key(queue)
  if redis.call('LLEN', bell) == 0 then
    redis.call('LPUSH', bell, '1')
  end
end

-- A new earliest entry must wake whoever sleeps until the old one.
local function put_later(id, at, delay)
  -- One more: `at` was rounded down, and nothing may start early.
  local due = at + delay + 1
  redis.call('ZADD', TIMETABLE, due, 'm:' .. id)
  local first = redis.call('ZRANGE', TIMETABLE, 0, 0)
  if first[1] == 'm:' .. id and redis.call('LLEN', TIMETABLE_BELL) == 0 then
    redis.call('LPUSH', TIMETABLE_BELL, '1')
  end
end

local function count(name, by)
  redis.call('HINCRBY', COUNTERS, name, by or 1)
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
  local stored, lists, queues, new = {}, {}, {}, 0
  local seen = {}
  for i, message in ipairs(messages) do
    local id, header_line = message[1], message[2]
    if not held[i] and not ended[i] and not over[i] and not seen[id] then
      seen[id] = true
      new = new + 1
      stored[#stored + 1] = id
      stored[#stored + 1] = header_line .. '\n' .. message[3]
      local level, queue = string.match(header_line, '^%S+ (%S+) (%S+)')
      if message[4] > 0 then
        queues[queue] = queues[queue] or false
        put_later(id, at, message[4])
      else
        queues[queue] = true
        local list = queue_key(queue, level)
        local waiting = lists[list] or {}
        lists[list] = waiting
        waiting[#waiting + 1] = id
      end
    end
  end
  if new == 0 then return 0 end
  redis.call('HSET', MESSAGES, unpack(stored))
  for list, waiting in pairs(lists) do redis.call('RPUSH', list, unpack(waiting)) end
  for queue, rings in pairs(queues) do
    redis.call('SADD', QUEUES, queue)
    if rings then ring(queue) end
  end
  return new
end

-- What we hold of a lease: fence, worker and whether its body was reported started.
local function read_lease(id)
  local text = redis.call('HGET', HELD, id)
  if not text then return nil end
  local fence, worker, started = string.match(text, '^(%S+) (%S+) (%S+)$')
  return { fence = fence, worker = worker, started = started == '1' }
end

local function drop_lease(id, worker)
  redis.call('ZREM', LEASES, id)
  redis.call('HDEL', HELD, id)
  redis.call('SREM', held_key(worker), id)
end

-- A delayed message whose time has come waits in its queue. Returns whether it was there still.
local function send_due(member)
  local id = string.sub(member, 3)
  local stored = redis.call('HGET', MESSAGES, id)
  redis.call('ZREM', TIMETABLE, member)
  if not stored then return false end
  local header = read_header(stored)
  redis.call('RPUSH', queue_key(header.queue, header.level), id)
  ring(header.queue)
  return true
end

-- Everything that must not outlive a message.
local function forget(id)
  redis.call('HDEL', MESSAGES, id)
  redis.call('HDEL', CRASHES, id)
  redis.call('HDEL', CHECKPOINTS, id)
  redis.call('HDEL', CONTROL, id)
end

local function report(body)
  redis.call('XADD', OUTCOMES, '*', 'b', body)
end

-- The end of a task that no worker can report itself.
local function report_end(id, header, fence, worker, state, reason, failure)
  if header.kind ~= 't' then return end
  local outcome = { kind = 'finished', task = id, run = header.run, attempt = tonumber(header.attempt),
    fence = 0, worker = worker, at = now_ms(), state = state, reason = reason }
  if failure then outcome.error = { type = failure, message = reason } end
  -- cjson would write a fence as 1.7e+15: put it in as text.
  local body = cjson.encode(outcome)
  body = string.gsub(body, '"fence":0', '"fence":' .. fence, 1)
  body = string.gsub(body, '"at":[^,}]+', '"at":' .. string.format('%.0f', outcome.at), 1)
  report(body)
end

-- Sets a message aside with its reason and bytes; the caller has dropped its lease.
local MOST_DEAD = 10000
local function bury(id, stored, header, reason, at)
  local crashes = tonumber(redis.call('HGET', CRASHES, id) or '0')
  redis.call('ZADD', DEAD, at, id)
  redis.call('HSET', DEAD_LETTERS, id, crashes .. '\n' .. reason .. '\n' .. stored)
  forget(id)
  count('dead_lettered')
  -- Nobody reads ten thousand of them; the oldest go, and their runs keep the reason.
  if redis.call('ZCARD', DEAD) > MOST_DEAD then
    redis.call('HDEL', DEAD_LETTERS, redis.call('ZPOPMIN', DEAD)[1])
  end
end

-- A message whose worker is gone, or who never learnt that it holds it, waits again, in front of its queue.
local POISON = 3
local function take_back(id, lease, worker_died, at)
  drop_lease(id, lease.worker)
  local stored = redis.call('HGET', MESSAGES, id)
  if not stored then return nil end
  local header = read_header(stored)
  local crashes = tonumber(redis.call('HGET', CRASHES, id) or '0')
  if worker_died then
    -- Reported started: it surely ran when the worker died. Not reported: it may have, so it is suspected once.
    if lease.started then crashes = crashes + 1 else crashes = math.max(crashes, 1) end
    redis.call('HSET', CRASHES, id, crashes)
  end
  if crashes >= POISON then
    local reason = 'its worker died ' .. crashes .. ' times while running it'
    report_end(id, header, lease.fence, lease.worker, 'failed', reason, 'WorkerLost')
    if header.kind == 't' then redis.call('HSET', SETTLED, id, lease.fence) end
    bury(id, stored, header, reason, at)
    return nil
  end
  if lease.started then
    report_end(id, header, lease.fence, lease.worker, 'queued', 'its worker was lost', 'WorkerLost')
  end
  local level = header.level
  if crashes > 0 then level = 'suspect' end
  redis.call('LPUSH', queue_key(header.queue, level), id)
  ring(header.queue)
  return header.queue
end
