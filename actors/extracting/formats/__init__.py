"""The extractors that ship with Rota, a module for each family of formats."""
