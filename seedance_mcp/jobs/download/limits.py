"""How large a video may be that is downloaded."""

LARGEST_VIDEO = 2 * 1024**3
"""Bytes of one video."""
