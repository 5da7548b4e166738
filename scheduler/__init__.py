"""Decides what runs when: leader, ticks, events, admission, recorder, sweeper and upkeep."""
