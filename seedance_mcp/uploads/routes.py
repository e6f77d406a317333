"""Which way a file takes to a vendor: its own upload or the user's bucket, and a review where one is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seedance_mcp.catalog.files import MB
from seedance_mcp.uploads import bucket
from seedance_mcp.uploads.bucket import Bucket

if TYPE_CHECKING:
    from seedance_mcp.catalog import Link, Model
    from seedance_mcp.catalog.files import FileFacts
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Review, Vendor

MARKS = ("asset", "person")
"""What can stand behind a path, after «#»: hand it over as an asset, or as the picture of a real person, which the
vendor reviews before it may be used."""


@dataclass(frozen=True, slots=True)
class UploadRoute:
    """How one file gets to one vendor."""

    bucket: Bucket | None = None
    """The user's own bucket, instead of the vendor's upload."""
    review: Review | None = None
    purpose: str = ""
    """Which of the model's reviews that is."""


@dataclass(frozen=True, slots=True)
class UploadRoutes:
    """What there is to hand files over with."""

    vendors: Mapping[str, Vendor] = field(default_factory=dict[str, "Vendor"])
    bucket: Bucket | None = None

    @classmethod
    def of(cls, settings: Settings) -> UploadRoutes:
        """Return the ways that these settings open."""
        return cls({v.slug: v for v in settings.vendors}, Bucket(settings.upload_url) if settings.upload_url else None)

    def route(self, model: Model, link: Link, file: FileFacts, mark: str) -> UploadRoute | str:
        """Return how a file gets into a field of a model, or why it cannot."""
        vendor = self.vendors[model.vendor]
        own = vendor.upload
        wanted = mark or ("" if "https" in link.schemes else "asset")
        review = own.reviews(model).get(wanted) if own and wanted else None
        if mark and (review is None or "asset" not in link.schemes or (mark == "person" and file.kind != "image")):
            return f"ends in #{mark}, and {model.id} has no such review for it; leave #{mark} out"
        if wanted and review is None:
            return f"is a local file, and {vendor.name} takes nothing but its own asset:// ids here"
        reason = "it has no upload of its own"
        if own:
            reason = _upload_problem(own.endings, own.most_mb, file)
            if not reason:
                return UploadRoute(None, review, wanted)
        if self.bucket is None:
            return (
                f"is a local file, which {vendor.name} cannot take: {reason}. The user can name a bucket for such files "
                "in SEEDANCE_UPLOAD_URL (s3://…, gs://… or az://…)"
            )
        if not bucket.installed():
            return "is a local file, and SEEDANCE_UPLOAD_URL needs the extra «upload»: install seedance-mcp[upload]"
        return UploadRoute(self.bucket, review, wanted)


def _upload_problem(endings: frozenset[str], most_mb: float, file: FileFacts) -> str:
    if file.ending not in endings:
        return f"its upload takes no {file.ending}"
    return f"its upload takes {most_mb:g} MB at most" if file.size > most_mb * MB else ""
