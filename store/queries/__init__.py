"""One function per question. The first argument is a connection of `Store.reading()` or `Store.writing()`."""
