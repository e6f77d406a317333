"""Orders that name an earlier job: "the same, but vertical" (`like`), and "from that video's last frame".

Both become an order in full before anything is checked, so that prices, refusals and the duplicate guard see no
difference to a call that spells everything out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.catalog.request import FIELDS, MEDIA
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.jobs.journal.model import is_job_id
from seedance_mcp.uploads.inputs import is_placeholder
from seedance_mcp.uploads.same_content import find_again

if TYPE_CHECKING:
    from seedance_mcp.catalog.order import Order
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.settings import Settings

_SWITCHES = ("generate_audio", "web_search", "watermark", "safety_filter", "public")


async def in_full(
    order: Order,
    settings: Settings,
    get: Callable[[str], Awaitable[Job]],
    last_frame: Callable[[Job], Awaitable[Path]],
) -> Order:
    """Return the order with what it takes from earlier jobs; it stays with such a job's model unless it names one.

    The model is left open where that of the job cannot begin with a local image.

    `get` returns a job, and `last_frame` saves the last frame of its video.

    Raises:
        UnknownJob: there is no such job.
        InvalidRequest: its arguments, or its local files, are no longer there.
        NoSavedVideo: the video to continue is not on disk.
    """
    if order.like is not None:
        order = await _like(order, settings, await get(order.like))
    first = order.args.get("first_frame")
    if isinstance(first, str) and is_job_id(first):
        job = await get(first)
        frame = await last_frame(job)
        if _can_continue(job, settings):
            order = _with_model(order, job)
        elif order.model is None:
            order = replace(order, model_of=job.id)
        order = replace(order, args={**order.args, "first_frame": str(frame)})
    return order


def _can_continue(job: Job, settings: Settings) -> bool:
    """Whether the model of a job can begin with the last frame of its video, which is a local file."""
    model = next((m for m in settings.models if m.id == job.model), None)
    return model is None or ("first_frame" in model.rows and settings.takes_files(settings.vendor_of(model)))


def _with_model(order: Order, job: Job) -> Order:
    return order if order.model is not None else replace(order, model=job.model, model_of=job.id)


async def _like(order: Order, settings: Settings, job: Job) -> Order:
    if not job.request:
        raise InvalidRequest(
            f"What job {job.id} was made from has been deleted.", next_step="Give every argument instead of like."
        )
    kept = {name: value for name, value in job.request.items() if name in FIELDS and name not in order.args}
    if order.n > 1:
        kept.pop("seed", None)  # variants are different
    if order.model not in {None, job.model}:
        kept = {name: value for name, value in kept.items() if name not in _left_open(job, settings)}
    paths = await find_again(list(_placeholders(kept)), settings)
    lost = [name for name in kept if name in MEDIA and any(p not in paths for p in _placeholders({name: kept[name]}))]
    if lost:
        raise InvalidRequest(
            f"Job {job.id} had local files as {' and '.join(lost)}, and they are no longer where they may be read.",
            next_step="Give their paths again, beside like.",
        )
    given = {name: value for name, value in order.args.items() if name != "like"}
    spelled = {name: _with_paths(value, paths) if name in MEDIA else value for name, value in kept.items()}
    return replace(_with_model(order, job), args=spelled | given, like=None)


def _left_open(job: Job, settings: Settings) -> set[str]:
    """Return the switches of a job that are as its model has them by default: they ask nothing of another model."""
    model = next((m for m in settings.models if m.id == job.model), None)
    if model is None:
        return set()
    return {n for n in _SWITCHES if n in model.rows and job.request.get(n) == model.rows[n].default}


def _placeholders(args: Mapping[str, Any]) -> Iterator[str]:
    for name in MEDIA:
        value = args.get(name)
        items = cast("list[Any]", value) if isinstance(value, list) else [value]
        yield from (str(item) for item in items if is_placeholder(item))


def _with_paths(value: Any, paths: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [paths.get(item, item) for item in cast("list[Any]", value)]
    return paths.get(value, value)
