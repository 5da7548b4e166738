"""What surrounds every attempt: one matter, one class."""
