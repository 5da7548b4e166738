"""A twin of the part of OpenSearch's API that is used, written from its documentation.

It is strict: unknown parameters, fields and kinds of queries are refused with OpenSearch's own errors, and searches see
only what was refreshed. It has one shard and no copies, cuts snippets in its own way, and is never short of memory: for
those, and for whether the documentation was understood rightly, only a real server can speak.
"""
