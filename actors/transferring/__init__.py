"""What all actors share that carry files: copying one of them, counting, and telling what was changed."""
