-- include _lease
-- Asks for tasks to be cancelled or paused, or takes a pause back.
-- ARGV: cancel, pause or resume; then message ids.
-- Answer: per id what became of it: "waiting" (dropped and reported at once), "running" (asked), "unknown".
-- Safe to repeat.
local kind = ARGV[1]
local answer = {}
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
      redis.call('ZREM', TIMETABLE, 'm:' .. id)
      forget(id)
    end
    answer[#answer + 1] = 'waiting'
  end
end
return answer
