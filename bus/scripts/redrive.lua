-- include _server _turns _put _lease
-- Puts a dead letter back on its queue, or drops it for good.
-- ARGV: dead letter id, redrive or discard.
-- Answer: 1 when it was there, 0 when not, -1 when it cannot run (no readable header).
-- Safe to repeat.
local id, action = ARGV[1], ARGV[2]
local letter = redis.call('HGET', DEAD_LETTERS, id)
if not letter then return 0 end
local stored = string.match(letter, '^[^\n]*\n[^\n]*\n(.*)$')
local header = stored and string.find(stored, '\n', 1, true) and read_header(stored)
if action == 'redrive' then
  if not header or not header.queue then return -1 end
  if redis.call('HSETNX', MESSAGES, id, stored) == 1 then
    redis.call('HDEL', SETTLED, id)
    redis.call('ZREM', ENDED, id)
    put_in_turn(header.queue, header.level, { id }, { header.owner })
    ring(header.queue)
  end
end
redis.call('ZREM', DEAD, id)
redis.call('HDEL', DEAD_LETTERS, id)
return 1
