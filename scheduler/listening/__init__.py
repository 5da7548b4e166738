"""How events find the jobs that listen for them, alone or gathered."""
