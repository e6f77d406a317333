"""The videos that the sandbox delivers."""
