"""The driver for folders behind SSH.

`storage` is the driver. A `connection` to the `place` gives a `session`, whose requests run in a `thread` of their own;
`listing`, `reading` and `writing` ask through it, and `rows` knows what the answers mean.
"""
