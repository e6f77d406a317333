"""What every vendor module must keep to, whoever wrote it: `check(vendor, folder)` for each check in CHECKS.

`folder` holds one JSON file for each answer of the vendor, named for the case:

    {"source": "where the answer stands",
     "answer": {"status": 200, "body": {...}},
     "reads": "parse_submit" | "parse_status" | "parse_error",
     "expect": {...}}

`expect` has the fields of Accepted, Snapshot or Refusal that matter; of a Snapshot, what is left out is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from seedance_mcp.catalog import Flag, Link, Media, Model, OneOf, Row, Text, Whole
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.request import FIELDS
from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.vendors import Answer, Vendor
from seedance_mcp.vendors.vendor import TaskState


@dataclass(frozen=True)
class Fixture:
    """One recorded answer and what it means."""

    name: str
    answer: Answer
    reads: str
    expect: dict[str, Any]


def fixtures(folder: Path, reads: str = "") -> list[Fixture]:
    """Return the answers of a folder, or only those that are read one way."""
    found: list[Fixture] = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        assert data["source"], f"{path.name} has no source"
        assert data["reads"] in ("parse_submit", "parse_status", "parse_error"), path.name
        found.append(Fixture(path.stem, Answer(**data["answer"]), data["reads"], data["expect"]))
    return [f for f in found if reads in ("", f.reads)]


def has_an_answer_of_every_kind(vendor: Vendor, folder: Path) -> None:
    assert fixtures(folder, "parse_submit"), f"{vendor.slug} has no answer to a create"
    assert fixtures(folder, "parse_error"), f"{vendor.slug} has no refusal"
    states = {f.expect["state"] for f in fixtures(folder, "parse_status")}
    assert states >= {"running", "succeeded", "failed"}, f"{vendor.slug} only has looks at {sorted(states)}"


def reads_every_answer_as_expected(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder):
        assert seen(vendor, fixture) == fixture.expect, fixture.name


def seen(vendor: Vendor, fixture: Fixture) -> dict[str, Any]:
    """Read an answer and say what was seen, as far as the fixture speaks of it."""
    no = vendor.parse_error(fixture.answer)
    if fixture.reads == "parse_error":
        assert no is not None, f"{fixture.name} is not seen as a refusal"
        said: dict[str, Any] = {
            "code": str(no.code), "message": no.message, "vendor_code": no.vendor_code, "status": no.status
        }  # fmt: skip
        return {key: said.get(key) for key in fixture.expect}
    assert no is None, f"{fixture.name} is taken for a refusal: {no}"
    if fixture.reads == "parse_submit":
        accepted = vendor.parse_submit(fixture.answer)
        return _without_nones({"task_id": accepted.task_id, "charged": _text(accepted.charged)})
    look = vendor.parse_status(fixture.answer)
    why = look.refusal
    optional = {"code": str(why.code), "message": why.message, "vendor_code": why.vendor_code} if why else {}
    always = {"state": look.state, "vendor_status": look.vendor_status, "url": look.url, "charged": _text(look.charged)}
    always |= {"progress": look.progress, "code": optional.get("code")}
    return _without_nones(always) | {k: v for k, v in optional.items() if k in fixture.expect}


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _without_nones(pairs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def never_reads_a_refusal_as_a_job(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder, "parse_error"):
        for read in (vendor.parse_submit, vendor.parse_status):
            assert _unexpected(read, fixture.answer), f"{fixture.name} is also read by {read.__name__}"


def _unexpected(read: Callable[[Answer], object], answer: Answer) -> bool:
    try:
        read(answer)
    except UnexpectedAnswer:
        return True
    return False


JUNK: tuple[Any, ...] = (
    None, "", "<html><body>502 Bad Gateway</body></html>", [], [[]], [{}], {}, 0, -1, 1.5, True,
    {"data": None}, {"data": []}, {"data": {}}, {"data": "x"}, {"data": {"data": {}}}, {"code": None}, {"code": []},
    {"code": {}}, {"code": 1e300}, {"code": "²"}, {"code": "٤٠٢"}, {"code": True}, {"code": 10**30},
    {"code": "9" * 5000}, {"error": None}, {"error": []}, {"error": {}}, {"error": {"code": []}}, {"error": 5},
    {"error": {"message": None}}, {"error": {"message": "{"}}, {"error": {"message": "{}"}},
    {"error": {"message": "[1]"}}, {"error": {"message": "5"}},
    {"error": {"message": '{"error":[]}'}}, {"code": "x", "message": '{"error":{"code":1,"message":{}}}'},
    {"error": {"message": '{"a":' * 100_000}}, {"code": 500, "msg": '{"a":' * 100_000},
    {"id": None}, {"id": ""}, {"id": []}, {"task_id": {}}, {"data": {"task_id": ""}}, {"data": {"taskId": 5}},
    {"status": None}, {"status": 3}, {"data": {"status": []}}, {"data": {"state": {}}},
    {"code": 200, "data": {"state": "success", "resultJson": "{"}},
    {"code": 200, "data": {"state": "success", "resultJson": "[" * 100_000}},
    {"code": 200, "data": {"state": "success", "resultJson": "7"}},
    {"code": 200, "data": {"status": "SUCCESS", "response": "x"}},
)  # fmt: skip


def junk_is_an_unexpected_answer_and_nothing_else(vendor: Vendor, folder: Path) -> None:
    del folder
    for status in (200, 400, 404, 500, 503):
        for body in JUNK:
            _survives(vendor, Answer(status, body))


def survives_drift_in_every_key(vendor: Vendor, folder: Path) -> None:
    """Take each key of each known answer away, or give it a value of another type."""
    for fixture in fixtures(folder):
        for body in _drifted(fixture.answer.body):
            _survives(vendor, Answer(fixture.answer.status, body))


_OTHERS: tuple[Any, ...] = (None, "", "x", [], {}, 7, -1.5, True, [None], {"x": 1})


def _drifted(body: Any) -> Iterator[Any]:
    if isinstance(body, dict):
        whole: dict[str, Any] = body  # pyright: ignore[reportUnknownVariableType]
        for key, value in whole.items():
            yield {k: v for k, v in whole.items() if k != key}
            for other in (*_OTHERS, *_drifted(value)):
                yield {**whole, key: other}
    elif isinstance(body, list):
        yield from ([other] for other in _OTHERS)


def _survives(vendor: Vendor, answer: Answer) -> None:
    for read in (vendor.parse_submit, vendor.parse_status):
        try:
            read(answer)
        except UnexpectedAnswer:
            pass
        except Exception as error:
            raise AssertionError(f"{read.__name__} of {str(answer)[:200]} raised {error!r}") from error
    try:
        vendor.parse_error(answer)
    except Exception as error:
        raise AssertionError(f"refusal of {str(answer)[:200]} raised {error!r}") from error


def a_finished_video_can_be_fetched(vendor: Vendor, folder: Path) -> None:
    polls = [
        vendor.parse_status(f.answer) for f in fixtures(folder, "parse_status") if f.expect["state"] == "succeeded"
    ]
    assert vendor.build_download or any(look.url for look in polls)
    for look in polls:
        assert look.url is None or look.url.startswith(("https://", "http://"))


def only_a_failure_has_a_reason(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder, "parse_status"):
        look = vendor.parse_status(fixture.answer)
        assert look.state in get_args(TaskState)
        assert (look.refusal is not None) == (look.state == "failed"), fixture.name
        assert look.url is None or look.state == "succeeded", fixture.name


def an_unknown_state_counts_as_running(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder, "parse_status"):
        word = fixture.expect["vendor_status"]
        body = json.loads(json.dumps(fixture.answer.body).replace(json.dumps(word), '"a-word-from-the-future"'))
        look = vendor.parse_status(Answer(fixture.answer.status, body))
        assert (look.state, look.vendor_status) == ("running", "a-word-from-the-future"), fixture.name


def looks_at_a_task_without_leaving_its_path(vendor: Vendor, folder: Path) -> None:
    del folder
    for make in (vendor.build_status, vendor.build_download):
        if make is None:
            continue
        plain, odd = make("task-1_A.b"), make("a/b?c=d#e f")
        assert plain.method == "GET"
        assert plain.body is None
        assert plain.path.startswith("/")
        assert "task-1_A.b" in (plain.path, *plain.path.split("/"), *plain.query.values())
        assert odd.path.count("/") == plain.path.count("/")
        assert not set("?# ") & set(odd.path)


def describes_itself_and_its_models(vendor: Vendor, folder: Path) -> None:
    del folder
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", vendor.slug)
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*", vendor.env_name)
    assert re.fullmatch(r"https://[a-z0-9.-]+[a-z0-9](/[a-z0-9]+)*", vendor.base_url)
    assert vendor.docs.startswith("https://")
    assert len({m.id for m in vendor.models}) == len(vendor.models) > 0
    for model in vendor.models:
        assert model.vendor == vendor.slug
        assert model.rows.keys() <= FIELDS.keys(), f"{model.id} takes what no caller can ask for"
        assert model.summary
        assert model.modes


def every_field_of_every_model_reaches_the_wire(vendor: Vendor, folder: Path) -> None:
    del folder
    for model in vendor.models:
        for field in model.rows:
            values = list(_values(model.rows[field]))
            bodies = [_body(vendor, model, plea) for value in values for plea in _pleas(model, field, value)]
            bodies = [b for b in bodies if b]
            assert bodies, f"no legal request of {model.id} has {field}"
            assert len(values) == 1 or len(set(bodies)) > 1, f"{field} of {model.id} is taken and not sent"


def _body(vendor: Vendor, model: Model, args: dict[str, Any]) -> str:
    request = check(model, args).request
    if request is None:
        return ""
    call = vendor.build_submit(request)
    assert call.method == "POST"
    assert call.path.startswith("/")
    body = json.dumps(call.body, sort_keys=True)
    assert json.dumps(model.name) in body
    assert "null" not in body, f"{model.id} sends a null: {body}"
    return body


def _values(row: Row) -> Iterator[Any]:
    """Yield legal values of a row, two where it has two."""
    match row:
        case OneOf():
            yield from row.values[:2]
        case Whole():
            yield from row.only[:2] or (row.least or 0, (row.least or 0) + 1)
        case Flag():
            yield from (True, False)
        case Link() | Media():
            link = row if isinstance(row, Link) else row.link
            ends = ("asset-1", "asset-2") if link.schemes[0] == "asset" else ("example.com/1", "example.com/2")
            for end in ends:
                url = f"{link.schemes[0]}://{end}"
                yield url if isinstance(row, Link) else [url]
        case Text():
            yield from ("A cat.", "A dog.")
        case _:
            raise TypeError(f"what is a {type(row).__name__}?")


def _pleas(model: Model, field: str, value: Any) -> Iterator[dict[str, Any]]:
    """Yield requests with a field: alone, and beside each other field, since some fields need company."""
    needed = {name: next(iter(_values(row))) for name, row in model.rows.items() if row.required or name == "prompt"}
    yield needed | {field: value}
    for beside, row in model.rows.items():
        if beside not in needed and beside != field:
            yield needed | {field: value, beside: next(iter(_values(row)))}


CHECKS: tuple[Callable[[Vendor, Path], None], ...] = (
    has_an_answer_of_every_kind,
    reads_every_answer_as_expected,
    never_reads_a_refusal_as_a_job,
    junk_is_an_unexpected_answer_and_nothing_else,
    survives_drift_in_every_key,
    a_finished_video_can_be_fetched,
    only_a_failure_has_a_reason,
    an_unknown_state_counts_as_running,
    looks_at_a_task_without_leaving_its_path,
    describes_itself_and_its_models,
    every_field_of_every_model_reaches_the_wire,
)
