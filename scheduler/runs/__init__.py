"""How runs go through their steps, end, are controlled and tried again."""
