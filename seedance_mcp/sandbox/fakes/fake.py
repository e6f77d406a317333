"""What a fake vendor is: how its page's words are read, and how it answers. Effects are the sandbox's own.

A package that adds a vendor adds its fake by naming a `Fake` in the entry-point group `seedance_mcp.sandbox`:

    [project.entry-points."seedance_mcp.sandbox"]
    example = "my_package.example_fake:FAKE"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal
from urllib.parse import urlsplit

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.price import Prices, UnitPrice
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.vendor import Vendor

Json = dict[str, Any]

RejectionKind = Literal[
    "auth",
    "no_credit",
    "rate_limited",
    "busy",
    "not_found",
    "content_policy",
    "real_person",
    "invalid_request",
    "malformed",
    "unknown_model",
    "unknown_task",
    "unknown_video",
    "not_ready",
    "video_gone",
    "server_error",
]
"""Every reason for which a vendor says no."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A vendor's no, before it is put into the vendor's words."""

    kind: RejectionKind
    message: str = ""
    """What is wrong, for the person who reads it; for an unknown model its name, for an unfinished film its state."""
    fields: tuple[str, ...] = ()
    """The fields that are wrong, by our names."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer with a JSON body."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class BodyReader:
    """A body as it came, read name by name; what nobody asked for is remembered as ignored."""

    def __init__(self, body: Mapping[str, Any], within: str = "") -> None:
        self._left = dict(body)
        self._within = within
        self._inside: list[BodyReader] = []
        self._problems: list[tuple[str, str]] = []

    def take(self, name: str) -> Any:
        """Return what stands under a name; None if it is missing or null."""
        return self._left.pop(name, None)

    def inside(self, name: str) -> BodyReader:
        """Return an object within the body, empty if there is none."""
        value: Any = self.take(name)
        if value is not None and not isinstance(value, Mapping):
            self.problem(name, "must be an object")
            value = None
        inner = BodyReader(value or {}, f"{self._within}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        self._inside.append(inner)
        return inner

    def problem(self, field: str, message: str) -> None:
        """Note a mistake that our neutral fields cannot express, such as a number where a text must stand."""
        self._problems.append((field, message))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """All mistakes noted, as (field, words)."""
        return self._problems + [problem for inner in self._inside for problem in inner.problems]

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names that nobody asked for."""
        own = tuple(self._within + name for name in self._left)
        return own + tuple(name for inner in self._inside for name in inner.ignored)


def given(**fields: Any) -> dict[str, Any]:
    """Keep the fields that are set: JSON's null is as good as nothing."""
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(slots=True)
class StoredFile:
    """A file that was uploaded, or an asset that was made of one."""

    name: str
    content: bytes = b""
    mime: str = ""
    kind: str = ""
    url: str = ""
    ready_at: float = 0.0
    """On the sandbox's clock."""

    @property
    def bad(self) -> bool:
        """Whether its content asks for the vendor's review to fail."""
        return b"sandbox: asset-failed" in self.content


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """One request for something beside creating and looking; none of it is charged."""

    body: Mapping[str, Any]
    file: StoredFile | None
    stored: dict[str, StoredFile]
    """What this vendor keeps, by URL or asset id."""
    now: float
    pace: float
    spent: float
    """What the vendor has charged so far, in its own unit."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint beside creating and looking."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[EndpointRequest], Reply]
    form_field: str = ""
    """The name under which a file comes, as a form."""
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fake:
    """One vendor's API, as its page documents it. Paths are below the vendor's base URL."""

    vendor: Vendor
    create_path: str
    status_path: str
    """With {task_id} in it, or else `look_query` names the parameter that carries the id."""
    status_query: str = ""
    content_path: str = ""
    """Where the film is fetched with the key, if the vendor gives no link."""
    id_style: str
    default_model: str = ""
    read_request: Callable[[BodyReader, Model], dict[str, Any]]
    """Read a body into our neutral arguments, independently of how `vendor.build_submit` writes it."""
    render_created: Callable[[Task], Json]
    render_status: Callable[[TaskView], Json]
    render_error: Callable[[Rejection], Reply]
    endpoints: tuple[Endpoint, ...] = ()
    prices: Prices = field(default_factory=dict[str, UnitPrice])
    """What the fake charges where the vendor publishes no number."""

    @property
    def slug(self) -> str:
        """The vendor's slug, which is also the first part of every path."""
        return self.vendor.slug

    @property
    def prefix(self) -> str:
        """What follows the origin in the sandbox's base URL: the slug, and the path of the vendor's own base URL."""
        return f"/{self.slug}{urlsplit(self.vendor.base_url).path.rstrip('/')}"

    def model(self, name: object) -> Model | None:
        """Find a model by the name that is sent."""
        return next((m for m in self.vendor.models if m.name == name), None)


@cache
def known_fakes() -> dict[str, Fake]:
    """Return every fake by its slug; ours come first and cannot be replaced from outside."""
    from seedance_mcp.sandbox.fakes import (
        aigptimage,  # noqa: PLC0415  (they need us)
        jimmyai,  # noqa: PLC0415  (they need us)
        ope,  # noqa: PLC0415  (they need us)
        seedanceapi,  # noqa: PLC0415  (they need us)
        twelveai,  # noqa: PLC0415  (they need us)
    )

    fakes = {f.slug: f for f in (ope.FAKE, seedanceapi.FAKE, jimmyai.FAKE, twelveai.FAKE, aigptimage.FAKE)}
    for entry in entry_points(group="seedance_mcp.sandbox"):
        fake = entry.load()
        if not isinstance(fake, Fake):
            message = f"entry point {entry.name!r} in seedance_mcp.sandbox must name a Fake, not {type(fake).__name__}"
            raise TypeError(message)
        fakes.setdefault(fake.slug, fake)
    return fakes
