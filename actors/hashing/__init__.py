"""The parts of the actors `hash` and `verify`, and what `sync` shares with them to read contents."""
