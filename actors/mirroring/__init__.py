"""The parts of the actor `mirror`: what it decides, and how it copies and removes."""
