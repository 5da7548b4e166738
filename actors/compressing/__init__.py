"""Parts of the actor `compress`: what goes in, reading it, writing the archive, and going on where it was."""
