"""The embedded engine: an index is a folder of tantivy's, on the disk of the machine that indexes and searches."""
