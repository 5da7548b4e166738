-- include _server _turns _put _lease
-- Settles a batch for one worker: reports, acknowledgements, retries, hand-backs and dead letters in one call.
-- ARGV: worker, batch number, most entries the outcomes stream may have before mere reports are dropped;
--       then per item seven: id, fence, action, outcome body or "", header line, body, delay in ms.
--   report   outcome goes on; header "started" marks the lease, "checkpoint" keeps body as the checkpoint
--   ack      the message is done
--   again    header and body replace the message, which waits for the delay
--   back     the message waits again, in front of its queue, checkpoint kept
--   dead     header is the reason, body the kind of failure; the message is set aside, and unless there is an
--            outcome, its task is reported as failed
-- Answer: ids of items that were refused because the lease is not (or no longer) this worker's with this fence.
-- Safe to repeat: a batch number that was seen last is answered with the same answer.
local worker, batch, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local last = redis.call('GET', batch_key(worker))
if last then
  local seen = string.match(last, '^(%S+)')
  if seen == batch then
    local refused = {}
    for id in string.gmatch(string.sub(last, #seen + 2), '%S+') do refused[#refused + 1] = id end
    return refused
  end
end

local at = now_ms()
local refused = {}
local crowded = redis.call('XLEN', OUTCOMES) >= most

local function settle(id, fence, action, outcome, header_line, body, delay)
  local stored = redis.call('HGET', MESSAGES, id)
  local header = stored and read_header(stored)
  drop_lease(id, worker)
  if header then wake_next_suspect(id, header) end
  if outcome ~= '' then
    report(outcome)
  end
  if not stored then return end
  if action == 'ack' then
    if header.kind == 't' then redis.call('HSET', SETTLED, id, fence) end
    forget(id)
  elseif action == 'again' then
    redis.call('HSET', MESSAGES, id, header_line .. '\n' .. body)
    redis.call('HDEL', CRASHES, id)
    local new_header = read_header(header_line .. '\n')
    if delay > 0 then
      put_later(id, at, delay)
    else
      put_in_turn(new_header.queue, new_header.level, { id }, { new_header.owner })
      ring(new_header.queue)
    end
  elseif action == 'back' then
    put_back(id, header)
  elseif action == 'dead' then
    if outcome == '' then report_end(id, header, fence, worker, 'failed', header_line, body) end
    if header.kind == 't' then redis.call('HSET', SETTLED, id, fence) end
    bury(id, stored, header, header_line)
  end
end

local function pass_report(id, outcome, mark, body)
  if mark == 'started' then
    redis.call('HSET', HELD, id, (string.gsub(redis.call('HGET', HELD, id), ' 0$', ' 1')))
  elseif mark == 'checkpoint' then
    redis.call('HSET', CHECKPOINTS, id, body)
  elseif crowded then
    count('reports_dropped')
    return
  end
  if outcome ~= '' then report(outcome) end
end

for i = 4, #ARGV, 7 do
  local id, fence, action = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local lease = redis.call('HGET', HELD, id)
  if not lease or string.sub(lease, 1, #fence + 1 + #worker + 1) ~= fence .. ' ' .. worker .. ' ' then
    refused[#refused + 1] = id
    count('outcomes_refused')
  elseif action == 'report' then
    pass_report(id, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
  else
    settle(id, fence, action, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6]))
  end
end
redis.call('SET', batch_key(worker), batch .. ' ' .. table.concat(refused, ' '), 'PX', 600000)
return refused
