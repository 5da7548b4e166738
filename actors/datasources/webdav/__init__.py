"""The driver for folders of WebDAV servers.

`storage` is the driver. It sends `requests`, reads `answers` with the addresses (`hrefs`) in them, carries the content
of `files`, and makes sure of `moves`.
"""
