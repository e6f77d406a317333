"""The interface of a vendor module: rows, and pure functions between our types and the vendor's API.

A module imports neither HTTP, nor the clock, nor MCP. It turns requests into `Call`s and parses `Answer`s, so that it
can be compared with the vendor's page and tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Annotated, Any, Generic, Literal, TypeVar, cast
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainValidator, ValidationError

from seedance_mcp.catalog import Model, Source
from seedance_mcp.catalog.files import FileKind
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import Code, NoSuchTask, UnexpectedAnswer, VendorUnreachable

TaskState = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
"""The states of a task. Each module maps its vendor's statuses to these."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a vendor. The sender adds origin and key."""

    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    file_field: str = ""
    """The form field for a file, where the request is a form instead of JSON; the sender adds the file."""
    public: bool = False
    """Whether the endpoint works without a key; then the sender leaves the key out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: its status and its parsed JSON (None if the body is not JSON)."""

    status: int
    body: Any = None
    retry_after: float | None = None
    """Seconds to wait, from the header Retry-After."""
    text: str = ""
    """The beginning of the body, for the record of an answer that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has accepted the job."""

    task_id: str
    charged: Decimal | None = None
    """The reported charge, in the unit of the model's billing row."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A vendor's refusal: our code, and the vendor's message and code."""

    code: Code
    message: str = ""
    vendor_code: str = ""
    status: int = 200
    """The HTTP status, or its equivalent in the body's code; after 5xx the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The status of a task at one moment."""

    state: TaskState
    vendor_status: str
    """The status as the vendor names it; an unknown one counts as running."""
    url: str | None = None
    refusal: Refusal | None = None
    """Why it failed, if it did."""
    charged: Decimal | None = None
    progress: float | None = None
    """Percent, for display only; it never decides the state."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a vendor stores and reviews before a request may use it."""

    id: str
    state: Literal["pending", "usable", "failed"]
    reference: str = ""
    """How a request refers to it, where that is not asset://id."""
    vendor_status: str = ""
    """The status as the vendor names it."""

    @property
    def address(self) -> str:
        """The URL by which a request refers to it."""
        return self.reference or f"asset://{self.id}"


@dataclass(frozen=True, slots=True)
class Review:
    """How a link becomes an asset: submit it, then poll until it is usable. All calls are free."""

    build_submit: Callable[[str, FileKind, str], Call]
    """From the link, the kind of file, and a name for it."""
    parse_submit: Callable[[Answer], Asset]
    build_status: Callable[[str], Call]
    parse_status: Callable[[Answer], Asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How to upload local files to a vendor. All calls are free."""

    call: Call
    parse_link: Callable[[Answer], str]
    endings: frozenset[str]
    """The file extensions that the vendor accepts."""
    most_mb: float
    days: float
    """The documented lifetime of the link, in days."""
    reviews: Callable[[Model], Mapping[str, Review]]
    """By purpose: `asset`, and `person` for images of a real person."""
    source: Source


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A free GET request, and how to parse its answer."""

    call: Call
    read: Callable[[Answer], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One reseller of Seedance: its models, and how to call its API."""

    slug: str
    """The vendor's name in model ids and settings; `env` replaces it in settings where it does not fit."""
    name: str
    base_url: str
    models: tuple[Model, ...]
    build_submit: Callable[[VideoRequest], Call]
    parse_submit: Callable[[Answer], Accepted]
    build_status: Callable[[str], Call]
    parse_status: Callable[[Answer], Snapshot]
    parse_error: Callable[[Answer], Refusal | None]
    """Parse an error in the vendor's envelope; None if the answer is not an error."""
    build_download: Callable[[str], Call] | None = None
    """How to download the video with the key from the vendor's origin, where the status has no URL."""
    no_such_task: frozenset[str] = frozenset()
    """The codes by which the vendor says that it does not know a task, in lower case."""
    busy_statuses: frozenset[int] = frozenset()
    """HTTP statuses, besides the usual ones, by which the vendor documents that it takes no job for the moment."""
    idempotency_header: str | None = None
    """The header that makes a repeated submit return the first task, where the vendor documents one."""
    video_hosts: tuple[str, ...] = ()
    """Known hosts of finished videos, besides the vendor's origin."""
    link_days: float | None = None
    """The documented lifetime of a video's link, in days."""
    upload: Upload | None = None
    """How to upload local files, where the vendor accepts them."""
    account_queries: tuple[Query[str], ...] = ()
    """Queries about the account; each answer is returned as text."""
    price_list: Query[Mapping[str, UnitPrice]] | None = None
    """The public price list, by the model names that requests use."""
    env: str = ""
    website: str = ""
    """Where a person sees the account's tasks and what they cost; the facts' `website`."""
    docs: str = ""
    """The public page that documents the rows."""

    @property
    def env_name(self) -> str:
        """The <VENDOR> in SEEDANCE_<VENDOR>_API_KEY."""
        return self.env or self.slug.upper().replace("-", "_")

    def model(self, model_id: str) -> Model | None:
        """Return one of its models by its id (`vendor/model`), or None."""
        return next((m for m in self.models if m.id == model_id), None)


def _percent(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


Percent = Annotated[float | None, BeforeValidator(_percent)]
"""Progress, for display only: an invalid value is dropped, and the rest of the status is still read."""


_MOST = 10**9


def _amount(value: object) -> Decimal | None:
    """Parse an amount; an implausible one counts as missing."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= _MOST else None


def _charge(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    found = _amount(value)
    return UNREADABLE if found is None else found


UNREADABLE = Decimal("NaN")
"""A charge that a vendor reports and that cannot be true: something was charged, and nobody knows what."""

Charge = Annotated[Decimal | None, PlainValidator(_charge)]
"""What a vendor says that it has charged: None if it says nothing, `UNREADABLE` if it says nothing that can be true."""

Amount = Annotated[Decimal | None, BeforeValidator(_amount)]
"""A price that a vendor reports: an invalid value is dropped, and the rest of the answer is still read."""


LONGEST_TASK_ID = 512
"""Characters of the longest id of a task that is accepted; every known one is shorter than 64."""


def _task_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def is_task_id(value: object) -> bool:
    """Whether a value can be the id of a task: a visible text of at most 512 characters that can be part of a path."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        return False
    return len(value) <= LONGEST_TASK_ID and value not in {".", ".."}


def _checked_id(value: str) -> str:
    if not is_task_id(value):
        raise ValueError("not the id of a task")
    return value


TaskId = Annotated[str, BeforeValidator(_task_id), AfterValidator(_checked_id)]
"""The id of a task; some vendors write a whole number."""


def find_task_id(body: Any) -> str | None:
    """Return the id of a task that stands in an answer, whatever else the answer says; None if there is none.

    An `id` on its own at the top may be the id of the request, so there it is not taken for one.
    """
    if not isinstance(body, dict):
        return None
    outer = cast("dict[str, Any]", body)
    inner: Any = outer.get("data")
    data = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    candidates = [outer.get("task_id"), outer.get("taskId"), data.get("task_id"), data.get("taskId"), data.get("id")]
    for value in map(_task_id, candidates):
        if is_task_id(value):
            return cast("str", value)
    return None


def in_path(task_id: str) -> str:
    """Quote a vendor's id as one segment of a path.

    Raises:
        UnexpectedAnswer: it cannot be one: HTTP clients take "." and ".." for folders.
    """
    if task_id in {"", ".", ".."}:
        raise UnexpectedAnswer(f"The vendor's id {task_id!r} cannot be part of a URL.")
    return quote(task_id, safe="")


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read(shape: type[AnyModel], answer: Answer) -> AnyModel:
    """Parse an answer.

    Raises:
        UnexpectedAnswer: it does not have the documented shape.
    """
    try:
        return shape.model_validate(answer.body)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) or "the body" for e in error.errors()[:3])
        raise UnexpectedAnswer(
            f"The vendor's answer (HTTP {answer.status}) does not have its documented shape: {where}."
        ) from None


def read_snapshot(vendor: Vendor, answer: Answer) -> Snapshot:
    """Parse the answer to a status request.

    Raises:
        NoSuchTask: the vendor does not know the task.
        VendorUnreachable: it is an error of the request, with the vendor's message, and does not show the task's state.
        UnexpectedAnswer: it does not have a documented shape.
    """
    refusal = vendor.parse_error(answer)
    if refusal is None and answer.status < HTTPStatus.BAD_REQUEST:
        return vendor.parse_status(answer)
    if refusal is not None and refusal.vendor_code.casefold() in vendor.no_such_task:
        raise NoSuchTask(f"{vendor.name} does not know the task of this job: {refusal.message or 'no message'}.")
    message = refusal.message if refusal else f"HTTP {answer.status}"
    raise VendorUnreachable(f"{vendor.name} could not report the status of the job: {message}.")
