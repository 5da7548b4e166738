-- The server's clock, the time of the bus, and its counters.

-- The server's wall clock, in ms: for what people read, and for numbers that only grow.
local function wall_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The time of the bus, in ms, by which everything that ends is measured. It never goes back: when the server's clock
-- does, what stands until some time would stand that much longer. Whoever finds it behind what was noted last, at most a
-- second ago, counts the difference in from then on. A jump ahead cannot be told from a server that was away: see reap.
local function now_ms()
  local wall = wall_ms()
  local known = redis.call('MGET', SKEW, REAPED)
  local now, noted = wall + (known[1] or 0), tonumber(known[2] or '0')
  if now >= noted then return now end
  redis.call('SET', SKEW, string.format('%.0f', noted - wall))
  return noted
end

local function count(name, by)
  redis.call('HINCRBY', COUNTERS, name, by or 1)
end
