"""7z archives: made by our own writer, and read with py7zr, the extra `7z`."""
