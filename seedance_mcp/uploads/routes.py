"""How a file reaches a vendor: through the vendor's upload or the user's bucket, with a review where one is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seedance_mcp.catalog.files import MB
from seedance_mcp.uploads import bucket
from seedance_mcp.uploads.bucket import Bucket

if TYPE_CHECKING:
    from pathlib import Path

    from seedance_mcp.catalog import Link, Model
    from seedance_mcp.catalog.files import FileInfo
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Review, Vendor

PURPOSES = ("asset", "person")
"""The reviews that a caller can ask for with a suffix of a path ("fox.png#person"): upload the file as an asset of the
vendor's, or as the image of a real person."""


@dataclass(frozen=True, slots=True)
class UploadRoute:
    """How one file reaches one vendor."""

    bucket: Bucket | None = None
    """The user's bucket; None means the vendor's own upload."""
    review: Review | None = None
    purpose: str = ""
    """The key of `review` among the model's reviews."""
    inline: bool = False
    """Whether the request contains the file itself, so that nothing is uploaded."""


@dataclass(frozen=True, slots=True)
class UploadRoutes:
    """The routes that the settings allow."""

    vendors: Mapping[str, Vendor] = field(default_factory=dict[str, "Vendor"])
    bucket: Bucket | None = None

    @classmethod
    def of(cls, settings: Settings) -> UploadRoutes:
        """Return the routes for these settings."""
        return cls({v.slug: v for v in settings.vendors}, Bucket(settings.upload_url) if settings.upload_url else None)

    def route(self, model: Model, link: Link, file: FileInfo, purpose: str) -> UploadRoute | str:
        """Return how a file reaches a field of a model, or why it cannot.

        Args:
            model: The model of the request.
            link: The row of the field.
            file: What is known about the file.
            purpose: The review that the caller asked for, one of PURPOSES, or "" for none.
        """
        vendor = self.vendors[model.vendor]
        own = vendor.upload
        needed = purpose or ("" if "https" in link.schemes else "asset")
        review = own.reviews(model).get(needed) if own and needed else None
        if purpose and (
            review is None or "asset" not in link.schemes or (purpose == "person" and file.kind != "image")
        ):
            return f"ends in #{purpose}, but {model.id} has no such review for it; leave #{purpose} out"
        if needed and review is None:
            return f"is a local file, but {vendor.name} accepts only its own asset:// ids here"
        problem = _upload_problem(own.endings, own.most_mb, file) if own else "it has no upload API"
        if vendor.inline and not needed and file.kind in vendor.inline.kinds:
            problem = _inline_problem(vendor.inline.most_mb, file)
        if not problem:
            return UploadRoute(None, review, needed, inline=own is None)
        if self.bucket is None:
            return (
                f"is a local file that {vendor.name} cannot accept: {problem}; give a public URL, or ask the user to "
                "name a bucket in SEEDANCE_UPLOAD_URL (s3://…, gs://… or az://…)"
            )
        if not bucket.installed():
            return "is a local file; ask the user to install seedance-mcp[upload], which SEEDANCE_UPLOAD_URL needs"
        return UploadRoute(self.bucket, review, needed)


def _inline_problem(most_mb: float, file: FileInfo) -> str:
    return f"a request to it holds at most {most_mb:g} MB of files" if file.size > most_mb * MB else ""


def _upload_problem(endings: frozenset[str], most_mb: float, file: FileInfo) -> str:
    if file.ending not in endings:
        return f"its upload does not accept {file.ending}"
    return f"its upload accepts at most {most_mb:g} MB" if file.size > most_mb * MB else ""


def allowed_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the folders whose files a request may name: the user's, and last the folder of last frames."""
    return (*settings.media_roots, *_own_frames(settings))


def _own_frames(settings: Settings) -> tuple[Path, ...]:
    """Return the folder of last frames, whose files are always allowed, unless it is missing or a link."""
    folder = settings.frames_dir
    try:
        own = folder.resolve() == folder.parent.resolve() / folder.name and folder.is_dir()
    except OSError:
        own = False
    return (folder.resolve(),) if own else ()
