-- include _server _turns _put _lease
-- Asks for tasks to be cancelled or paused, takes a pause back, or takes tasks away.
-- ARGV: cancel, pause, resume or terminate; then message ids.
-- Answer: per id what became of it: "waiting" (dropped at once; cancel and pause report it), "running" (asked; terminate
-- has dropped its lease), "unknown".
-- Safe to repeat.
local kind = ARGV[1]
local answer = {}

-- The store has closed it already: nothing is reported, nobody keeps it, and nobody can send it again.
local function terminate(id)
  local stored = redis.call('HGET', MESSAGES, id)
  local lease = read_lease(id)
  if lease then
    drop_lease(id, lease.worker)
    -- Its body shall stop; if it has not started, it must not.
    redis.call('PUBLISH', CONTROL_CHANNEL, 'cancel ' .. id)
    redis.call('PUBLISH', CONTROL_CHANNEL, 'lost ' .. id)
  end
  if not stored then return 'unknown' end
  wake_next_suspect(id, read_header(stored))
  redis.call('ZREM', DELAYED, id)
  forget(id)
  return lease and 'running' or 'waiting'
end

if kind == 'terminate' then
  local ids = { unpack(ARGV, 2) }
  for i, id in ipairs(ids) do answer[i] = terminate(id) end
  remember_ended(ids, now_ms())
  return answer
end

for i = 2, #ARGV do
  local id = ARGV[i]
  local stored = redis.call('HGET', MESSAGES, id)
  if not stored then
    answer[#answer + 1] = 'unknown'
  elseif redis.call('HEXISTS', HELD, id) == 1 then
    if kind == 'resume' then redis.call('HDEL', CONTROL, id) else redis.call('HSET', CONTROL, id, kind) end
    redis.call('PUBLISH', CONTROL_CHANNEL, kind .. ' ' .. id)
    answer[#answer + 1] = 'running'
  else
    if kind == 'resume' then
      -- Asked while it ran, whose worker died since: the next one must not hear of it.
      redis.call('HDEL', CONTROL, id)
    else
      local header = read_header(stored)
      local fence = string.format('%.0f', next_fences(1))
      local state = kind == 'cancel' and 'cancelled' or 'paused'
      report_end(id, header, fence, '', state, kind == 'cancel' and 'cancelled before it started' or 'paused', nil)
      if header.kind == 't' then redis.call('HSET', SETTLED, id, fence) end
      redis.call('ZREM', DELAYED, id)
      forget(id)
    end
    answer[#answer + 1] = 'waiting'
  end
end
return answer
