"""What is due when: by whose clock, from which definitions, what became of it, and what was missed."""
