"""Runs actors: supervisor and children, run context, verdicts, isolation, middleware."""
