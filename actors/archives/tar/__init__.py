"""Tar archives: made, and read."""
