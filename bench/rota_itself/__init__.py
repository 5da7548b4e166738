"""What Rota itself reaches: on the bus alone, with everything recorded, deciding ticks, and doing nothing."""
