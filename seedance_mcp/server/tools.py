"""The tools an assistant sees. Their schemas are made from rows, so a tool shows what some configured model takes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import Flag, Media, Model, OneOf, Row, Schema, Source, Text, Whole, choose, schema
from seedance_mcp.catalog.check import check, unfit
from seedance_mcp.catalog.price import price
from seedance_mcp.errors import Code, InvalidRequest, VendorRefused
from seedance_mcp.jobs.journal import STATES
from seedance_mcp.jobs.schedule import expected, worth_asking_in
from seedance_mcp.jobs.studio import LONGEST_WAIT
from seedance_mcp.media import look
from seedance_mcp.server import answers, preview, reviews
from seedance_mcp.server.confirm import Ask, confirm

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal import Job
    from seedance_mcp.jobs.studio import Studio
    from seedance_mcp.server.answers import Fields
    from seedance_mcp.settings import Settings

Report = Callable[[float, float | None, str], Awaitable[None]]
"""Tells the caller how far a call is: (done, of, in words)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: its arguments, and the ways back to who called."""

    args: Mapping[str, Any]
    report: Report
    ask: Ask


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what is shown of it, and what it does."""

    name: str
    title: str
    description: str
    input_schema: Schema
    output_schema: Schema | None
    run: Callable[[Studio, Call], Awaitable[Fields | preview.Shown]]
    read_only: bool = True


_OURS = Source("OURS", "tools")
_CHECK_ROWS: dict[str, Row] = {
    "job_id": Text(_OURS, required=True),
    "wait_seconds": Whole(0, LONGEST_WAIT, _OURS, default=0, unit="s"),
}
_CHECK_WORDS = {"job_id": "", "wait_seconds": "0-50, default 0"}
_LIST_VIDEO_ROWS: dict[str, Row] = {
    "state": OneOf(STATES, _OURS),
    "limit": Whole(1, 50, _OURS, default=10),
    "cursor": Text(_OURS),
}
_UNLISTED = {"state", "resolution", "aspect_ratio"}
"""Filters whose values stand elsewhere in the conversation, or in the refusal of a wrong one."""
_KINDS = ("image", "video", "audio")
_LIST_WORDS = {
    "model": "",
    "mode": "",
    "references": "",
    "duration": "",
    "resolution": "",
    "aspect_ratio": "",
    "generate_audio": "",
}

_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_OBJECT: Schema = {"type": "object"}
_LIST: Schema = {"type": "array", "items": _STRING}


def tools(settings: Settings) -> dict[str, Tool]:
    """Return the tools for these settings, by name."""
    made = (
        Tool(
            "list_models",
            "List models",
            "Models, limits, prices; arguments filter, model shows one",
            _inputs(_list_rows(settings.models), _LIST_WORDS),
            _outputs({"models": _OBJECT, "model": _STRING, "takes": _OBJECT, "rules": _LIST, "price": _STRING}),
            list_models,
        ),
        Tool(
            "create_video",
            "Create video",
            "Start a paid video; then check_video. No model: the cheapest. Media: URLs or paths",
            schema.hull(settings.models),
            _outputs(
                {
                    "job_id": _STRING, "state": _STRING, "model": _STRING, "cost": _OBJECT, "chosen": _STRING,
                    "size": _STRING, "assumed": _OBJECT, "advice": _LIST, "duplicate_of": _STRING, "note": _STRING,
                    "request": _OBJECT, "next_step": _STRING,
                },
                "state", "model", "cost", "next_step",
            ),
            create_video,
            read_only=False,
        ),
        Tool(
            "check_video",
            "Check video",
            "A job's state, at the end its film",
            _inputs(_CHECK_ROWS, _CHECK_WORDS),
            _outputs(
                {
                    "job_id": _STRING, "state": _STRING, "model": _STRING, "elapsed_seconds": _NUMBER,
                    "check_again_in": _NUMBER, "progress": _NUMBER, "path": _STRING, "url": _STRING,
                    "expires_at": _STRING, "film_bytes": _NUMBER, "duration": _NUMBER, "resolution": _STRING,
                    "cost": _OBJECT, "error": _OBJECT, "note": _STRING, "next_step": _STRING,
                },
                "job_id", "state", "model", "elapsed_seconds", "cost", "next_step",
            ),
            check_video,
        ),
        Tool(
            "list_videos",
            "List videos",
            "Jobs and today's cost",
            _inputs(_LIST_VIDEO_ROWS, {"state": "", "limit": "", "cursor": ""}),
            _outputs(
                {"videos": {"type": "array", "items": _OBJECT}, "next_cursor": _STRING, "spent_today": _OBJECT},
                "videos",
            ),
            list_videos,
        ),
        Tool(
            "preview_video",
            "Preview video",
            "See 6 frames of a film, or one at a second",
            _inputs(preview.ROWS, dict.fromkeys(preview.ROWS, "")),
            None,
            preview.preview_video,
        ),
    )  # fmt: skip
    return {tool.name: tool for tool in made if tool.name != "preview_video" or look.available()}


def _outputs(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _inputs(rows: Mapping[str, Row], words: Mapping[str, str]) -> Schema:
    properties = {name: schema.flat(row, words[name]) for name, row in rows.items()}
    for name in _UNLISTED & properties.keys():
        properties[name].pop("enum", None)
    required = [name for name, row in rows.items() if row.required]
    root: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return root | ({"required": required} if required else {})


def _list_rows(models: tuple[Model, ...]) -> dict[str, Row]:
    """What list_models can filter by: the values that some configured model has."""
    rows: dict[str, Row] = {
        "model": Text(_OURS),
        "mode": OneOf(("text", "first_frame", "first_last_frame", "references"), _OURS),
        "references": OneOf(_KINDS, _OURS),
        "duration": Whole(1, None, _OURS),
        "generate_audio": Flag(_OURS),
    }
    for name in ("resolution", "aspect_ratio"):
        values = [v for m in models if isinstance(row := m.rows.get(name), OneOf) for v in row.values]
        if values:
            rows[name] = OneOf(tuple(dict.fromkeys(values)), _OURS)
    return {name: rows[name] for name in _LIST_WORDS if name in rows}


def _fit(rows: Mapping[str, Row], call: Call, tool: str) -> None:
    if problems := unfit(rows, call.args, tool):
        raise InvalidRequest(f"{tool}: " + "; ".join(p.sentence() for p in problems) + ".", next_step="")


async def list_models(studio: Studio, call: Call) -> Fields:
    """Say which models can do a shape and for how much, or what exactly one model takes."""
    models = studio.settings.models
    _fit(_list_rows(models), call, "list_models")
    await studio.prices.ready(call.args.get("model"))
    shape = dict(call.args)
    if name := shape.pop("model", None):
        quote_for = next((m for m in models if m.id == name), None)
        if quote_for is None:
            raise InvalidRequest(f"There is no model {name!r} here.", next_step="Call list_models without model.")
        return _one_model(studio, quote_for)
    found = [m for m in models if choose.fits(m, shape)]
    if not found:
        raise InvalidRequest("No configured model can do all of this.", next_step="Drop one of the conditions.")
    return {"models": {m.id: _brief(studio, m, shape) for m in found}}


def _one_model(studio: Studio, model: Model) -> Fields:
    takes = dict(schema.takes(model))
    rules = [rule.words() for rule in model.rules]
    return {
        "model": model.id,
        "takes": takes,
        "rules": rules,
        "price": _price_words(studio, model, {}),
    }


def _brief(studio: Studio, model: Model, shape: Mapping[str, Any]) -> str:
    """A model in at most 40 tokens: what it is, seconds, resolutions, what it starts from, price."""
    duration, resolution = model.rows["duration"], model.rows["resolution"]
    letters = {"text": "text", "first_frame": "first", "first_last_frame": "last"}
    modes = [letters[m] for m in model.modes if m in letters]
    kinds = ["refs:" + "".join(k[0] for k in _KINDS if f"reference_{k}s" in model.rows)]
    values = resolution.values if isinstance(resolution, OneOf) else ("",)
    lines = "/".join([*(v.removesuffix("p") for v in values[:-1]), values[-1]])
    seconds = ""
    if isinstance(duration, Whole):
        ends = f"{duration.least}-{duration.most}s" if duration.most else f"{duration.least}s+"
        seconds = "/".join(map(str, duration.only)) + "s" if duration.only else ends
    starts = " ".join(modes + kinds * ("references" in model.modes))
    return ",".join([seconds, lines, starts, _price_words(studio, model, shape)])


def _price_words(studio: Studio, model: Model, shape: Mapping[str, Any]) -> str:
    """The price of the shape with the model's defaults for the rest, such as «$1.54/5s»."""
    fields = {k: v for k, v in shape.items() if k in {"duration", "resolution", "aspect_ratio", "generate_audio"}}
    sample = {"prompt": "x", **fields}
    for name, row in model.rows.items():
        if row.required and name not in sample:
            sample[name] = "asset://x" if isinstance(row, Media) else "https://example.com/x"
    request = check(model, sample).request
    cost = price(request, studio.prices) if request else None
    if request is None or cost is None or cost.amount is None:
        return "price unknown"
    return f"{cost.brief()}/{request.duration}s"


# -- create_video -------------------------------------------------------------------------------------------------


async def create_video(studio: Studio, call: Call) -> Fields:
    """Quote, confirm, pay once, and answer with the job."""
    await studio.prices.ready(call.args.get("model"))
    quote = studio.quote(call.args, await studio.inputs(call.args))
    if call.args.get("dry_run") is True:
        await studio.afford(quote, call.args)
        return answers.quoted(quote, studio.url(quote))
    await confirm(quote, studio.settings, call.ask)
    made = await studio.create(quote, call.args)
    if made.job.state == "rejected":
        code = Code(made.job.error_code or Code.INVALID_REQUEST)
        said = answers.clean(made.job.error_words or "")
        raise VendorRefused(
            f"{quote.vendor.name} refused job {made.job.id}: {said or 'no reason given'}. Nothing was charged.",
            code=code,
            next_step=quote.with_consent if code is Code.REAL_PERSON else None,
        )
    return answers.created(made)


# -- check_video --------------------------------------------------------------------------------------------------


async def check_video(studio: Studio, call: Call) -> Fields:
    """Answer with a job's state, waiting for its end if asked to."""
    _fit(_CHECK_ROWS, call, "check_video")
    if reviews.named(call.args["job_id"]):
        return await reviews.check_review(studio, call)
    job = await studio.check(call.args["job_id"])
    ends = time.monotonic() + call.args.get("wait_seconds", 0)
    typical, _ = expected(await studio.journal.durations(job.model))
    told = -1.0
    while not studio.settled(job) and (left := ends - time.monotonic()) > 0:
        done, of, said = _so_far(studio, job, typical)
        if done > told:  # a report may not go back, as it would where a download begins anew
            await call.report(done, of, said)
            told = done
        await studio.changes.wait(job.id, min(left, 5.0 if job.open else 0.5))
        job = await studio.job(job.id)
    if settled := studio.settled(job):
        job = await studio.job(job.id)  # the film may have been saved while the job was being read
    vendor = studio.settings.vendor(job.vendor)
    elapsed = time.time() - (job.submitted_at or job.created_at)
    again_in = 2 if studio.settings.sandbox else worth_asking_in(elapsed, typical, LONGEST_WAIT)
    return answers.checked(
        job,
        saving=studio.saving,
        again_in=None if settled else again_in,
        expires_at=answers.expires_at(job, vendor),
        keyed=vendor is not None and vendor.film is not None,
    )


def _so_far(studio: Studio, job: Job, typical: float) -> tuple[float, float | None, str]:
    """Say how far a job is: in seconds while the vendor works on it, then in bytes of its film."""
    if job.id in studio.keeper.coming:
        received, total = studio.keeper.coming[job.id]
        of = f" of {total / 1e6:.1f}" if total else ""
        return received, total, f"saving, {received / 1e6:.1f}{of} MB"
    elapsed = time.time() - (job.submitted_at or job.created_at)
    return elapsed, max(typical, elapsed), f"{job.state}, {elapsed:.0f} s"


# -- list_videos --------------------------------------------------------------------------------------------------


async def list_videos(studio: Studio, call: Call) -> Fields:
    """Answer with a page of jobs and what today cost."""
    _fit(_LIST_VIDEO_ROWS, call, "list_videos")
    state = call.args.get("state")
    page = await studio.page((state,) if state else (), call.args.get("limit", 10), call.args.get("cursor"))
    return answers.listed(page, await studio.spending(), studio.settings.daily_budget)
