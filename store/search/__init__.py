"""The index of what is in datasources: one interface, and the engines behind it."""
