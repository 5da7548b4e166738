-- What happens to messages that are held: fences, leases, ends, reports and dead letters.

local function read_header(stored)
  -- A header of an older version names no owner; of one that cannot be read nothing is known but that it is there.
  local kind, level, queue, run, attempt, owner, body_at =
    string.match(stored, '^(%S+) (%S+) (%S+) (%S+) (%S+) ?(%S*)\n()')
  if owner == '' then owner = '-' end
  return { kind = kind, level = level, queue = queue, run = run, attempt = attempt, owner = owner,
    body_at = body_at or 1 }
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

-- Somebody looks for expired leases every second. After a gap nobody could be heard, because Redis was away or its clock
-- jumped ahead: then everyone gets one more lease to speak up, instead of being taken for dead, and nothing is forgotten.
local GAP_MS = 5000
local function in_doubt(at)
  local known = redis.call('MGET', REAPED, REPRIEVE)
  return at - (known[1] or at) > GAP_MS or at < tonumber(known[2] or '0')
end

-- Remembered for a minute: somebody whose reply was lost may send a task again that has run, ended and been recorded.
local REMEMBERED_MS, MOST_REMEMBERED = 60000, 200000
local function remember_ended(ids, at)
  if #ids == 0 then return end
  local scores = {}
  for i, id in ipairs(ids) do
    scores[2 * i - 1] = at
    scores[2 * i] = id
  end
  redis.call('ZADD', ENDED, unpack(scores))
  if in_doubt(at) then return end
  local old = redis.call('ZRANGEBYSCORE', ENDED, '-inf', at - REMEMBERED_MS, 'LIMIT', 0, 500)
  if #old > 0 then redis.call('ZREM', ENDED, unpack(old)) end
  local extra = redis.call('ZCARD', ENDED) - MOST_REMEMBERED
  if extra > 0 then redis.call('ZPOPMIN', ENDED, math.min(extra, 1000)) end
end

-- The next suspect waited for this message, in front of a worker that sleeps until somebody rings.
local function wake_next_suspect(id, header)
  if redis.call('HEXISTS', CRASHES, id) == 1 and redis.call('EXISTS', suspects_key(header.queue)) == 1 then
    ring(header.queue)
  end
end

-- A message that comes back waits in front: of its level, or of the suspects.
local function put_back(id, header)
  if redis.call('HEXISTS', CRASHES, id) == 1 then
    redis.call('LPUSH', suspects_key(header.queue), id)
  else
    put_in_front(header.queue, header.level, id)
  end
  ring(header.queue)
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
    fence = 0, worker = worker, at = wall_ms(), state = state, reason = reason }
  if failure then outcome.error = { type = failure, message = reason } end
  -- cjson would write a fence as 1.7e+15: put it in as text.
  local body = cjson.encode(outcome)
  body = string.gsub(body, '"fence":0', '"fence":' .. fence, 1)
  body = string.gsub(body, '"at":[^,}]+', '"at":' .. string.format('%.0f', outcome.at), 1)
  report(body)
end

-- Sets a message aside with its reason and bytes; the caller has dropped its lease.
local MOST_DEAD = 10000
local function bury(id, stored, header, reason)
  local crashes = tonumber(redis.call('HGET', CRASHES, id) or '0')
  redis.call('ZADD', DEAD, wall_ms(), id)
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
local function take_back(id, lease, worker_died)
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
    bury(id, stored, header, reason)
    return nil
  end
  if lease.started then
    report_end(id, header, lease.fence, lease.worker, 'queued', 'its worker was lost', 'WorkerLost')
  end
  put_back(id, header)
  return header.queue
end
