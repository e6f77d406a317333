"""Inspects media files: what a file is, its size and duration, and frames of a video."""
