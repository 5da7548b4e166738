"""Access to storages: one narrow interface, safe paths, and the drivers."""
