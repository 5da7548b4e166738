"""The jobs as the scheduler knows them: read when needed, made ready to start, shipped with Rota."""
