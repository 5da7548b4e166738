-- include _server _turns _put _lease _due _former
-- Takes back leases that ran out, forgets workers that fell silent, moves due delayed messages, and adopts what an older
-- version left.
-- ARGV: most leases to look at, lease in ms.
-- Answer: leases taken back, messages moved.
-- Safe to repeat.
local most = tonumber(ARGV[1])
local at = now_ms()
local now = string.format('%.0f', at)
if at - (redis.call('GET', REAPED) or at) > GAP_MS then
  redis.call('SET', REPRIEVE, string.format('%.0f', at + ARGV[2]))
end
redis.call('SET', REAPED, now)
local expired = {}
if not in_doubt(at) then
  redis.call('DEL', REPRIEVE)
  expired = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, most)
end
for _, id in ipairs(expired) do
  local lease = read_lease(id)
  if lease then
    local believed = tonumber(redis.call('ZSCORE', WORKERS, lease.worker) or '0')
    take_back(id, lease, believed <= at)
  else
    redis.call('ZREM', LEASES, id)
  end
end
if #expired > 0 then count('leases_expired', #expired) end
-- A worker that is gone keeps its score a while longer than its leases, so that they are judged first.
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', WORKERS, '-inf', string.format('%.0f', at - 60000), 'LIMIT', 0, most)) do
  redis.call('ZREM', WORKERS, worker)
  redis.call('DEL', worker_key(worker), batch_key(worker))
end
return { #expired, send_due(at, most) + adopt(at, most) }
