"""Archives: the formats, each made and read as a stream. Nothing here writes to a datasource."""
