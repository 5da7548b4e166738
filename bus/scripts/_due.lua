-- Delayed messages, when their time has come.

-- Delayed messages whose time has come wait in their queues. Returns how many were there still.
local function send_on(ids)
  if #ids == 0 then return 0 end
  local groups, sent = {}, 0
  for i, stored in ipairs(redis.call('HMGET', MESSAGES, unpack(ids))) do
    if stored then
      local header = read_header(stored)
      collect(groups, header.level .. ' ' .. header.queue, ids[i], header.owner)
      sent = sent + 1
    end
  end
  put_collected(groups)
  return sent
end

-- Sends on up to `most` delayed messages that are due. Returns how many were looked at.
local function send_due(at, most)
  local due = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', at, 'LIMIT', 0, most)
  if #due > 0 then
    redis.call('ZREM', DELAYED, unpack(due))
    send_on(due)
  end
  return #due
end
