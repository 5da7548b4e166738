"""The driver for whatever an fsspec driver reaches.

`storage` is the driver. `choice` says which of fsspec's may be used and how, `rows` reads what they tell, `files` lends
one for as long as a file is read, and `ftp` corrects the one for FTP.
"""
