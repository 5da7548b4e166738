-- include _server _turns _put _lease
-- Leases up to n waiting messages of a queue to a worker.
-- ARGV: queue, worker, n, lease in ms.
-- Answer: per message five: id, fence, crashes, checkpoint or "", body.
-- Safe to repeat: an answer that got lost leaves leases that nobody extends, and they come back.
local queue, worker, wanted, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local ids = {}
local left = false

-- A suspect runs alone among suspects, so that whoever killed the last worker is found out.
local suspects = 0
if redis.call('LLEN', suspects_key(queue)) > 0 then
  local holds_suspect = false
  if redis.call('HLEN', CRASHES) > 0 then
    for _, id in ipairs(redis.call('SRANDMEMBER', held_key(worker), 512)) do
      if redis.call('HEXISTS', CRASHES, id) == 1 then holds_suspect = true break end
    end
  end
  if not holds_suspect then
    ids[1] = redis.call('LPOP', suspects_key(queue))
    suspects = 1
  end
  left = redis.call('LLEN', suspects_key(queue)) > 0
end
for _, level in ipairs({ 'high', 'normal', 'low' }) do
  if #ids < wanted then
    left = take_in_turn(queue, level, wanted - #ids, ids) or left
  else
    left = left or redis.call('EXISTS', queue_key(queue, level)) == 1
  end
end
if #ids == 0 then return {} end

local stored = redis.call('HMGET', MESSAGES, unpack(ids))
local leased = redis.call('HMGET', HELD, unpack(ids))
local later = redis.call('ZCARD', DELAYED) > 0 and redis.call('ZMSCORE', DELAYED, unpack(ids)) or {}
local fence = next_fences(#ids)
local expires = string.format('%.0f', now_ms() + lease_ms)
local answer, scores, holds, taken = {}, {}, {}, {}
local any_control = redis.call('HLEN', CONTROL) > 0
local any_checkpoint = redis.call('HLEN', CHECKPOINTS) > 0
local seen = {}
for i, id in ipairs(ids) do
  -- Without a body it was cancelled while it waited. Leased, delayed, or seen in this very call, it was listed twice.
  if stored[i] and not leased[i] and not later[i] and not seen[id] then
    seen[id] = true
    local header = read_header(stored[i])
    local asked = any_control and redis.call('HGET', CONTROL, id)
    local number = string.format('%.0f', fence + i - 1)
    if asked == 'cancel' then
      report_end(id, header, number, worker, 'cancelled', 'cancelled before it started', nil)
      if header.kind == 't' then redis.call('HSET', SETTLED, id, number) end
      forget(id)
    else
      scores[#scores + 1] = expires
      scores[#scores + 1] = id
      holds[#holds + 1] = id
      holds[#holds + 1] = number .. ' ' .. worker .. ' 0'
      taken[#taken + 1] = id
      local n = #answer
      answer[n + 1] = id
      answer[n + 2] = number
      answer[n + 3] = (i <= suspects) and redis.call('HGET', CRASHES, id) or '0'
      answer[n + 4] = any_checkpoint and redis.call('HGET', CHECKPOINTS, id) or ''
      answer[n + 5] = string.sub(stored[i], header.body_at)
    end
  end
end
if #taken > 0 then
  redis.call('ZADD', LEASES, unpack(scores))
  redis.call('HSET', HELD, unpack(holds))
  redis.call('SADD', held_key(worker), unpack(taken))
end
-- Wake the next one: the bell holds one token, however many messages came.
if left then ring(queue) end
return answer
