"""Where people meet Rota: the command line, the REST API, the web pages, and `rota up`, which starts it all.

Three things here are kept light on purpose and import nothing heavy before they need it: the command line (`main`,
`commands`), which talks to the API, and `up`, which only watches over the other processes.
"""
