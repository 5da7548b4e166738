"""Indexes in PostgreSQL, beside everything else that is remembered there: for several machines.

Each generation has a table of its own, `documents_<id>`, that `generations` lists: it is built without slowing down the
one that is searched, is as small as what is in it, and is dropped at once. Words are found in two GIN indexes, one of
names and one of texts.
"""
