-- Fair turns: within one level of a queue the owners of what waits take turns.
--
-- Each level is a sorted set of `<sequence, 15 digits><message id>` by turn. An owner's next message gets the turn after
-- its last one, a newcomer the turn that was served last: nobody is credited for what he did not ask for earlier. Equal
-- turns come out as they came in, because equal scores are ordered by the text. What returns to the front has a turn
-- below 0.
--
-- Beside it, while anything waits: the next turn of each owner for whom it is still to come, the last sequence and the
-- turn that was served last. Turns never exceed the sequence, and both are whole numbers that a double holds exactly
-- for as long as 15 digits last: at 100,000 messages a second, 300 years in which the level never runs empty.

local SEQUENCE, SERVED = '#', '@'
local FRONT = '000000000000000'

local function ring(queue)
  local bell = bell_key(queue)
  if redis.call('LLEN', bell) == 0 then
    redis.call('LPUSH', bell, '1')
  end
end

-- Lets messages of one queue and level wait, each behind what its owner has there.
local function put_in_turn(queue, level, ids, owners)
  local turns = turns_key(queue, level)
  local names, following = { SEQUENCE, SERVED }, {}
  for _, owner in ipairs(owners) do
    if not following[owner] then
      following[owner] = 0
      names[#names + 1] = owner
    end
  end
  local known = redis.call('ZMSCORE', turns, unpack(names))
  if not known[1] then redis.call('SADD', QUEUES, queue) end
  local sequence, served = tonumber(known[1] or 0), tonumber(known[2] or 0)
  for i = 3, #names do following[names[i]] = math.max(tonumber(known[i] or 0), served) end
  local waiting = {}
  for i, id in ipairs(ids) do
    local owner = owners[i]
    local turn = following[owner]
    following[owner] = turn + 1
    waiting[2 * i - 1] = turn
    waiting[2 * i] = string.format('%015d', sequence + i) .. id
  end
  local kept = { sequence + #ids, SEQUENCE }
  for i = 3, #names do
    kept[#kept + 1] = following[names[i]]
    kept[#kept + 1] = names[i]
  end
  redis.call('ZADD', queue_key(queue, level), unpack(waiting))
  redis.call('ZADD', turns, unpack(kept))
end

-- Lets a message wait in front of its level.
local function put_in_front(queue, level, id)
  local set = queue_key(queue, level)
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', set, math.min(tonumber(first or '0'), 0) - 1, FRONT .. id)
end

-- Takes up to `most` waiting messages and appends their ids. Returns whether more wait.
local function take_in_turn(queue, level, most, ids)
  local set, turns = queue_key(queue, level), turns_key(queue, level)
  local taken = redis.call('ZPOPMIN', set, most)
  if #taken == 0 then return false end
  for i = 1, #taken, 2 do ids[#ids + 1] = string.sub(taken[i], #FRONT + 1) end
  if #taken < 2 * most or redis.call('EXISTS', set) == 0 then
    redis.call('DEL', turns)
    return false
  end
  local served = tonumber(taken[#taken])
  if served >= 0 then
    -- Whose next turn has come by now is like any newcomer and need not be remembered.
    local over = redis.call('ZCOUNT', turns, '-inf', served)
    if over > 0 then redis.call('ZREMRANGEBYRANK', turns, 0, math.min(over, 500) - 1) end
    redis.call('ZADD', turns, served, SERVED)
  end
  return true
end

-- Collects messages by their place (level and queue), so that each set is written once however many come.
local function collect(groups, place, id, owner)
  local group = groups[place]
  if not group then
    group = { size = 0, ids = {}, owners = {} }
    groups[place] = group
  end
  local size = group.size + 1
  group.size, group.ids[size], group.owners[size] = size, id, owner
end

local function put_collected(groups)
  for place, group in pairs(groups) do
    local level, queue = string.match(place, '^(%S+) (%S+)$')
    put_in_turn(queue, level, group.ids, group.owners)
    ring(queue)
  end
end
