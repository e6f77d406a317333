"""Uploads the local files of a request: which files are allowed, how each reaches a vendor, and vendors' reviews."""
