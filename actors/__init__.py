"""The work: one file per actor, what actors are handed, and access to storages."""
