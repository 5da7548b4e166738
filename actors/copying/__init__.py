"""The parts of the actors `copy` and `move`: what they decide, and how they carry entries from place to place."""
