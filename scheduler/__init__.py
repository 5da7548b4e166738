"""Decides what runs when.

The files are the duties, each a loop, and `process` that joins them. The folders are what they decide by: `jobs` (what
there is to run), `timing` (what is due), `listening` (what an event starts), `admission` (what becomes a run, and when
it may start) and `runs` (what follows in it).
"""
