-- include _lease
-- Puts messages on their queues, or on the timetable when they are delayed.
-- ARGV: per message four: id, header line, body, delay in ms (0: now).
-- Answer: number of messages that were new.
-- Safe to repeat: an id that waits, is delayed, leased or not yet recorded is left alone.
local new = 0
local at = now_ms()
local rung = {}
for i = 1, #ARGV, 4 do
  local id, header_line, body, delay = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  if redis.call('HEXISTS', SETTLED, id) == 0
    and redis.call('HSETNX', MESSAGES, id, header_line .. '\n' .. body) == 1 then
    new = new + 1
    local header = read_header(header_line .. '\n')
    if delay > 0 then
      put_later(id, at + delay)
    else
      redis.call('RPUSH', queue_key(header.queue, header.level), id)
    end
    if not rung[header.queue] then
      rung[header.queue] = true
      redis.call('SADD', QUEUES, header.queue)
      if delay <= 0 then ring(header.queue) end
    elseif delay <= 0 then
      ring(header.queue)
    end
  end
end
return new
