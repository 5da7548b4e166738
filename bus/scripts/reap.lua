-- include _lease
-- Takes back leases that ran out, forgets workers that fell silent, and moves due delayed messages.
-- ARGV: most leases to look at, lease in ms.
-- Answer: leases taken back, messages moved.
-- Safe to repeat.
local most = tonumber(ARGV[1])
local at = now_ms()
local now = string.format('%.0f', at)
-- Somebody looks every second. After a gap nobody could be heard, because Redis was away or its clock jumped: then
-- everyone gets one more lease to speak up, instead of being taken for dead.
local GAP_MS = 5000
local last = tonumber(redis.call('GET', REAPED) or now)
redis.call('SET', REAPED, now)
if at - last > GAP_MS then redis.call('SET', REPRIEVE, '1', 'PX', ARGV[2]) end
local expired = {}
if redis.call('EXISTS', REPRIEVE) == 0 then
  expired = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, most)
end
for _, id in ipairs(expired) do
  local lease = read_lease(id)
  if lease then
    local believed = tonumber(redis.call('ZSCORE', WORKERS, lease.worker) or '0')
    take_back(id, lease, believed <= at, at)
  else
    redis.call('ZREM', LEASES, id)
  end
end
if #expired > 0 then count('leases_expired', #expired) end
-- A worker that is gone keeps its score a while longer than its leases, so that they are judged first.
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', string.format('%.0f', at - 60000))
local moved = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', TIMETABLE, '-inf', now, 'LIMIT', 0, most)) do
  if string.sub(member, 1, 2) == 'm:' and send_due(member) then moved = moved + 1 end
end
return { #expired, moved }
