"""What passes between processes: broker, leases, timetable, events, outcomes and control, all in Redis.

The only room that imports the Redis client. `bus.connection.Bus` opens it.
"""
