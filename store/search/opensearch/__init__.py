"""Indexes in OpenSearch 2 and 3, over its REST API."""
