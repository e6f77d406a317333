"""The size of an image. Only the child process imports this; needs the extra `media`.

Only the reader for the sniffed format runs: a file name could make another one read the disk.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from PIL import Image

_READERS = {"jpg": "Jpeg", "png": "Png", "gif": "Gif", "webp": "WebP", "bmp": "Bmp", "tiff": "Tiff", "avif": "Avif"}
_ORIENTATION, _ON_ITS_SIDE = 0x0112, {5, 6, 7, 8}
"""The EXIF tag by which cameras say how to turn a photo, and its values for a quarter turn."""


def prepare(ending: str) -> None:
    """Load the reader of a format, and what readers load when they need it: then no file can be opened any more."""
    if ending in _READERS:
        own = f"PIL.{_READERS[ending]}ImagePlugin"
        for module in (own, "PIL.TiffImagePlugin", "PIL.MpoImagePlugin", "PIL.ImagePalette", "copy"):
            import_module(module)


def inspect_image(file: Any, ending: str) -> dict[str, Any]:
    """Return the size in pixels; nothing for a format that has no reader here."""
    if ending not in _READERS:
        return {}
    opener, accepts = Image.OPEN[_READERS[ending].upper()]
    file.seek(0)
    if accepts and not accepts(file.read(16)):
        return {"problem": "UnidentifiedImageError"}
    file.seek(0)
    with opener(file, "") as image:
        # No camera writes PNG, whose reader would have to decode the image for this.
        turned = ending != "png" and image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
        size = image.size
        if Image.MAX_IMAGE_PIXELS and size[0] * size[1] > 2 * Image.MAX_IMAGE_PIXELS:
            return {"problem": "it has too many pixels"}
        image.verify()
    return {"pixels": size[::-1] if turned else size}
