-- include _server _turns _put
-- Puts messages on their queues, or on the timetable when they are delayed.
-- ARGV: per message four: id, header line, body, delay in ms (0: now).
-- Answer: number of messages that were new.
-- Safe to repeat: an id that waits, is delayed, leased or not yet recorded is left alone.
local messages = {}
for i = 1, #ARGV, 4 do
  messages[#messages + 1] = { ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]) }
end
return put_new(messages, now_ms())
