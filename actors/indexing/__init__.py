"""What the actors `index` and `check-index` are made of: deciding parts that are pure, and those that act."""
