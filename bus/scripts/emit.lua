-- include _lease
-- Moves decided ticks on to their next due time and sends what they started, in one step, fenced by the epoch.
-- ARGV: epoch, number of ticks; per tick three: tick, due time that was decided, next due time or "";
--       then per message three: id, header line, body.
-- Answer: -1 when the epoch is stale (nothing is done), else the number of messages that were new.
-- Safe to repeat: a tick moves on only from the due time that was decided, a message is put in once.
if redis.call('GET', EPOCH) ~= ARGV[1] then
  count('stale_emissions')
  return -1
end
local ticks = tonumber(ARGV[2])
local at = 3
for _ = 1, ticks do
  local member, decided, following = 't:' .. ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if tonumber(redis.call('ZSCORE', TIMETABLE, member) or '-1') == tonumber(decided) then
    if following == '' then
      redis.call('ZREM', TIMETABLE, member)
    else
      redis.call('ZADD', TIMETABLE, following, member)
    end
  end
  at = at + 3
end
local new = 0
for i = at, #ARGV, 3 do
  local id = ARGV[i]
  if redis.call('HEXISTS', SETTLED, id) == 0
    and redis.call('HSETNX', MESSAGES, id, ARGV[i + 1] .. '\n' .. ARGV[i + 2]) == 1 then
    local header = read_header(ARGV[i + 1] .. '\n')
    redis.call('RPUSH', queue_key(header.queue, header.level), id)
    redis.call('SADD', QUEUES, header.queue)
    ring(header.queue)
    new = new + 1
  end
end
return new
