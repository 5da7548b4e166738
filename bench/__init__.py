"""Rota measured against other task queues, side by side in one run: `make bench`."""
