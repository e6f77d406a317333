"""aigptimage.com as its pages document it (facts/aigptimage.yaml): results as JSON inside a string."""

from __future__ import annotations

import json
from typing import Any

from seedance_mcp.catalog import Model
from seedance_mcp.sandbox.fakes.body_reader import BodyReader, drop_nulls
from seedance_mcp.sandbox.fakes.fake import Fake, Json, Rejection, Reply
from seedance_mcp.sandbox.fakes.upstream import UPSTREAM_ERRORS, failure
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.aigptimage import VENDOR

_STATES = {
    "queued": "waiting",
    "running": "generating",
    "odd": "reviewing",
    "succeeded": "success",
    "failed": "fail",
}
_REJECTIONS = {
    "malformed": (400, "invalid request"),
    "auth": (401, "authentication failed"),
    "no_credit": (402, "insufficient credits"),
    "not_found": (404, "task not found"),
    "unknown_task": (404, "task not found"),
    "busy": (409, "active task limit exceeded"),
    "unknown_model": (422, "model is not supported"),
    "rate_limited": (429, "rate limit exceeded"),
    "server_error": (500, "server error"),
    "content_policy": (400, UPSTREAM_ERRORS["content_policy"][2]),
    "real_person": (400, UPSTREAM_ERRORS["real_person"][2]),
    "model_not_open": (404, UPSTREAM_ERRORS["model_not_open"][2]),
}
_FAILURE = ("500", "Internal error, please try again later.")


def read_request(reader: BodyReader, _model: Model) -> dict[str, Any]:
    """Read a body (SEED §1): `ratio` wins over its alias, and the content filter is off by default."""
    fields = reader.nested("input")
    ratio, alias = fields.take("ratio"), fields.take("aspect_ratio")
    filtered = fields.take("nsfw_checker")
    args = drop_nulls(
        prompt=fields.take("prompt"),
        duration=fields.take("duration"),
        resolution=fields.take("resolution"),
        aspect_ratio=alias if ratio is None else ratio,
        reference_images=fields.take("reference_image_urls"),
        reference_videos=fields.take("reference_video_urls"),
        reference_audios=fields.take("reference_audio_urls"),
        generate_audio=fields.take("generate_audio"),
        web_search=fields.take("web_search"),
        safety_filter=False if filtered is None else filtered,
    )
    images: Any = fields.take("image_urls")
    if images is not None and (not isinstance(images, list) or not images):
        fields.problem("first_frame", "image_urls must be a list of at least one URL")
    elif images:
        args["first_frame"] = images[0]  # the page does not say what the others are for (PUB:i2v)
    return args


def render_created(task: Task) -> Json:
    """Answer a create request (SEED §1, response example)."""
    return {"code": 200, "msg": "success", "data": {"taskId": task.id}}


def render_status(view: TaskView) -> Json:
    """Answer a poll (SEED §2): `param` and `resultJson` are JSON in strings, times are milliseconds."""
    task = view.task
    ended = view.state in ("succeeded", "failed")
    code, message = (None, None) if view.state != "failed" else _failure(task)
    data = {
        "taskId": task.id,
        "model": task.request.model.name,
        "state": _STATES[view.state],
        "param": _json_string({name: task.body[name] for name in ("model", "input") if name in task.body}),
        "resultJson": _json_string({"resultUrls": [view.url]}) if view.url else None,
        "failCode": code,
        "failMsg": message,
        "costTime": int(task.seconds * 1000) if view.state == "succeeded" else None,
        "completeTime": int(task.completed_at * 1000) if ended else None,
        "createTime": int(task.created_at * 1000),
    }
    return {"code": 200, "msg": "success", "data": data}


def _failure(task: Task) -> tuple[str, str]:
    return _FAILURE if task.directives.choice("fail") == "generation_failed" else ("400", failure(task)[1])


def _json_string(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def render_error(rejection: Rejection) -> Reply:
    """Render an error in the envelope, whose code is the HTTP status (SEED: error codes; PUB:errors)."""
    status, message = _REJECTIONS.get(rejection.kind, (422, rejection.message or "validation error"))
    return Reply(status, {"code": status, "msg": message, "data": None})


FAKE = Fake(
    vendor=VENDOR,
    create_path="/api/v1/jobs/createTask",
    status_path="/api/v1/jobs/recordInfo",
    status_query="taskId",
    id_style="task_{13}",
    read_request=read_request,
    render_created=render_created,
    render_status=render_status,
    render_error=render_error,
)
