"""Zip archives: made, and read."""
