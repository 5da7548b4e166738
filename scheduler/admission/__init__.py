"""How requests become runs: drafted, held to their limits, let go on when it is their turn, and sent."""
