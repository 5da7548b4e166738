-- include _server _turns _put _lease
-- Gives back at once what a worker held that is known to be dead.
-- ARGV: worker, most leases to look at.
-- Answer: leases taken back; call again while it equals the most.
-- Safe to repeat.
local worker, most = ARGV[1], tonumber(ARGV[2])
local ids = redis.call('SRANDMEMBER', held_key(worker), most)
local taken = 0
for _, id in ipairs(ids) do
  local lease = read_lease(id)
  if lease and lease.worker == worker then
    take_back(id, lease, true)
    taken = taken + 1
  else
    redis.call('SREM', held_key(worker), id)
  end
end
if taken > 0 then count('leases_expired', taken) end
if #ids < most then
  redis.call('ZREM', WORKERS, worker)
  redis.call('DEL', worker_key(worker), batch_key(worker))
end
return #ids
