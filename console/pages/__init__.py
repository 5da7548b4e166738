"""The web pages: rendered here, working without JavaScript, kept up to date by a little of it where there is some."""
