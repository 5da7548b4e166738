"""The parts of the actor `rename`: which names match, what they become, and how that survives a crash."""
