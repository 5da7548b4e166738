"""Job definitions of Pydio Cells, read and turned into Rota's, with a report of what could not be carried over."""
