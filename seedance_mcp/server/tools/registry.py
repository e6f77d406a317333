"""The tools an assistant sees. Their schemas are made from rows, so a tool shows what some configured model takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.catalog import OneOf, Row, Schema, Source, Text, Whole, schema
from seedance_mcp.errors import Code, VendorRefused
from seedance_mcp.jobs.journal.model import STATES
from seedance_mcp.jobs.schedule import expected, worth_asking_in
from seedance_mcp.jobs.service import LONGEST_WAIT
from seedance_mcp.media import frames
from seedance_mcp.server.tools import check_review, list_models, preview_video
from seedance_mcp.server.tools.confirm import confirm
from seedance_mcp.server.tools.tool import Call, Tool, check_args

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings
    from seedance_mcp.views import Fields

_OURS = Source("OURS", "tools")
_CHECK_ROWS: dict[str, Row] = {
    "job_id": Text(_OURS, required=True),
    "wait_seconds": Whole(0, LONGEST_WAIT, _OURS, default=0, unit="s"),
}
_CHECK_DESCRIPTIONS = {"job_id": "", "wait_seconds": "0-50, default 0"}
_LIST_VIDEO_ROWS: dict[str, Row] = {
    "state": OneOf(STATES, _OURS),
    "limit": Whole(1, 50, _OURS, default=10),
    "cursor": Text(_OURS),
}
_UNLISTED = {"state", "resolution", "aspect_ratio"}
"""Filters whose values stand elsewhere in the conversation, or in the refusal of a wrong one."""
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
            _inputs(list_models.rows(settings.models), list_models.DESCRIPTIONS),
            _outputs({"models": _OBJECT, "model": _STRING, "takes": _OBJECT, "rules": _LIST, "price": _STRING}),
            list_models.list_models,
        ),
        Tool(
            "create_video",
            "Create video",
            "Start a paid video; then check_video. No model: the cheapest. Media: URLs or paths",
            schema.merged_schema(settings.models),
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
            _inputs(_CHECK_ROWS, _CHECK_DESCRIPTIONS),
            _outputs(
                {
                    "job_id": _STRING, "state": _STRING, "model": _STRING, "elapsed_seconds": _NUMBER,
                    "check_again_in": _NUMBER, "progress": _NUMBER, "path": _STRING, "url": _STRING,
                    "expires_at": _STRING, "size_bytes": _NUMBER, "duration": _NUMBER, "resolution": _STRING,
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
            _inputs(preview_video.ROWS, dict.fromkeys(preview_video.ROWS, "")),
            None,
            preview_video.preview_video,
        ),
    )  # fmt: skip
    return {tool.name: tool for tool in made if tool.name != "preview_video" or frames.available()}


def _outputs(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _inputs(rows: Mapping[str, Row], description: Mapping[str, str]) -> Schema:
    properties = {name: schema.flat(row, description[name]) for name, row in rows.items()}
    for name in _UNLISTED & properties.keys():
        properties[name].pop("enum", None)
    required = [name for name, row in rows.items() if row.required]
    root: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return root | ({"required": required} if required else {})


# -- create_video -------------------------------------------------------------------------------------------------


async def create_video(service: JobService, call: Call) -> Fields:
    """Quote, confirm, pay once, and answer with the job."""
    await service.prices.ready(call.args.get("model"))
    quote = service.quote(call.args, await service.inputs(call.args))
    if call.args.get("dry_run") is True:
        await service.afford(quote, call.args)
        return views.quoted(quote, service.url(quote))
    await confirm(quote, service.settings, call.ask)
    made = await service.create(quote, call.args)
    if made.job.state == "rejected":
        code = Code(made.job.error_code or Code.INVALID_REQUEST)
        said = views.clean(made.job.error_message or "")
        raise VendorRefused(
            f"{quote.vendor.name} refused job {made.job.id}: {said or 'no reason given'}. Nothing was charged.",
            code=code,
            next_step=quote.with_consent if code is Code.REAL_PERSON else None,
        )
    return views.created(made)


# -- check_video --------------------------------------------------------------------------------------------------


async def check_video(service: JobService, call: Call) -> Fields:
    """Answer with a job's state, waiting for its end if asked to."""
    check_args(_CHECK_ROWS, call, "check_video")
    if check_review.named(call.args["job_id"]):
        return await check_review.check_review(service, call)
    job = await service.check(call.args["job_id"])
    ends = time.monotonic() + call.args.get("wait_seconds", 0)
    typical, _ = expected(await service.journal.durations(job.model))
    while not service.is_final(job) and (left := ends - time.monotonic()) > 0:
        await call.report(*_so_far(service, job, typical))
        await service.events.wait(job.id, min(left, 5.0 if job.open else 0.5))
        job = await service.job(job.id)
    if settled := service.is_final(job):
        job = await service.job(job.id)  # the film may have been saved while the job was being read
    elapsed = time.time() - (job.submitted_at or job.created_at)
    again_in = 2 if service.settings.sandbox else worth_asking_in(elapsed, typical, LONGEST_WAIT)
    vendor = service.settings.vendor(job.vendor)
    return views.checked(job, vendor, saving=service.saving, again_in=None if settled else again_in)


def _so_far(service: JobService, job: Job, typical: float) -> tuple[float, float | None, str]:
    """Say how far a job is: in seconds while the vendor works on it, then in bytes of its film."""
    if under_way := service.downloader.progress(job.id):
        received, total = under_way
        of = f" of {total / 1e6:.1f}" if total else ""
        return received, total, f"saving, {received / 1e6:.1f}{of} MB"
    elapsed = time.time() - (job.submitted_at or job.created_at)
    return elapsed, max(typical, elapsed), f"{job.state}, {elapsed:.0f} s"


# -- list_videos --------------------------------------------------------------------------------------------------


async def list_videos(service: JobService, call: Call) -> Fields:
    """Answer with a page of jobs and what today cost."""
    check_args(_LIST_VIDEO_ROWS, call, "list_videos")
    state = call.args.get("state")
    page = await service.page((state,) if state else (), call.args.get("limit", 10), call.args.get("cursor"))
    return views.listed(page, await service.spending(), service.settings.daily_budget)
