"""The pixel sizes of Seedance 2.0 by resolution and aspect ratio, from ope's page and the official upstream's table."""

from __future__ import annotations

_TABLE = {
    "480p": "864x496 752x560 640x640 560x752 496x864 992x432",
    "720p": "1280x720 1112x834 960x960 834x1112 720x1280 1470x630",
    "1080p": "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946",
}
_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")

SIZES: dict[tuple[str, str], str] = {
    (resolution, ratio): size
    for resolution, sizes in _TABLE.items()
    for ratio, size in zip(_RATIOS, sizes.split(), strict=True)
}
"""Source: SEED:320-338 of ope's page, identical to the upstream's table (ARK)."""
