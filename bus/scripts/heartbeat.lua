-- include _server
-- Extends the leases that a worker knows it holds, and says who it is.
-- ARGV: worker, lease in ms, description (JSON) or "" to leave it, then pairs of id and fence.
-- Answer: two lists in one: "lost" ids, then "" , then pairs of id and what is asked of it (cancel, pause).
-- Safe to repeat.
local worker, lease_ms = ARGV[1], tonumber(ARGV[2])
local at = now_ms()
local expires = string.format('%.0f', at + lease_ms)
redis.call('ZADD', WORKERS, expires, worker)
if ARGV[3] ~= '' then
  redis.call('HSET', worker_key(worker), 'about', ARGV[3], 'seen', string.format('%.0f', wall_ms()))
  redis.call('PEXPIRE', worker_key(worker), lease_ms * 3)
end
local answer, asked = {}, {}
local any_control = redis.call('HLEN', CONTROL) > 0
for i = 4, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local lease = redis.call('HGET', HELD, id)
  if lease and string.sub(lease, 1, #fence + 1) == fence .. ' ' then
    redis.call('ZADD', LEASES, 'XX', expires, id)
    local kind = any_control and redis.call('HGET', CONTROL, id)
    if kind then
      asked[#asked + 1] = id
      asked[#asked + 1] = kind
    end
  else
    answer[#answer + 1] = id
  end
end
answer[#answer + 1] = ''
for _, value in ipairs(asked) do answer[#answer + 1] = value end
return answer
