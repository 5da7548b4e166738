"""What people search for: the query language, and the types that files are grouped by. Pure: no I/O."""
