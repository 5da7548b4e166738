"""The driver for folders of WebDAV servers."""
