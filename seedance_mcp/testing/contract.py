"""The contract of every vendor module: call `check(vendor, folder)` for each check in CHECKS.

A package that adds a vendor holds itself to it in the same way:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_vendor_meets_the_contract(check):
        check(VENDOR, Path(__file__).parent / "answers")

`folder` holds one JSON file for each answer of the vendor, named for the case:

    {"source": "where the answer is documented",
     "answer": {"status": 200, "body": {...}},
     "reads": "parse_submit" | "parse_status" | "parse_error",
     "expect": {...}}

`expect` has the relevant fields of Accepted, Snapshot or Refusal; a field left out of a Snapshot must be None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import price
from seedance_mcp.catalog.request import FIELDS
from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.testing.requests import fields_of, requests_with
from seedance_mcp.vendors import Answer, Vendor
from seedance_mcp.vendors.vendor import TaskState


@dataclass(frozen=True)
class Fixture:
    """One recorded answer and its meaning."""

    name: str
    answer: Answer
    reads: str
    expect: dict[str, Any]


def fixtures(folder: Path, reads: str = "") -> list[Fixture]:
    """Return the answers of a folder, or only those for one parser."""
    found: list[Fixture] = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        assert data["source"], f"{path.name} has no source"
        assert data["reads"] in ("parse_submit", "parse_status", "parse_error"), path.name
        found.append(Fixture(path.stem, Answer(**data["answer"]), data["reads"], data["expect"]))
    return [f for f in found if reads in ("", f.reads)]


def has_an_answer_of_every_kind(vendor: Vendor, folder: Path) -> None:
    assert fixtures(folder, "parse_submit"), f"{vendor.slug} lacks an answer to a submit"
    assert fixtures(folder, "parse_error"), f"{vendor.slug} lacks a refusal"
    states = {f.expect["state"] for f in fixtures(folder, "parse_status")}
    assert states >= {"running", "succeeded", "failed"}, f"{vendor.slug} only has the states {sorted(states)}"


def parses_every_answer_as_expected(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder):
        assert parsed(vendor, fixture) == fixture.expect, fixture.name


def parsed(vendor: Vendor, fixture: Fixture) -> dict[str, Any]:
    """Parse an answer and return the fields that the fixture compares."""
    refusal = vendor.parse_error(fixture.answer)
    if fixture.reads == "parse_error":
        assert refusal is not None, f"{fixture.name} is not parsed as a refusal"
        fields: dict[str, Any] = {
            "code": str(refusal.code),
            "message": refusal.message,
            "vendor_code": refusal.vendor_code,
            "status": refusal.status,
        }
        return {key: fields.get(key) for key in fixture.expect}
    assert refusal is None, f"{fixture.name} is mistaken for a refusal: {refusal}"
    if fixture.reads == "parse_submit":
        accepted = vendor.parse_submit(fixture.answer)
        return _without_nones({"task_id": accepted.task_id, "charged": _text(accepted.charged)})
    task = vendor.parse_status(fixture.answer)
    why = task.refusal
    optional = {"code": str(why.code), "message": why.message, "vendor_code": why.vendor_code} if why else {}
    always = {"state": task.state, "vendor_status": task.vendor_status, "url": task.url, "charged": _text(task.charged)}
    always |= {"progress": task.progress, "code": optional.get("code")}
    always |= {"tokens": task.tokens, "last_frame_url": task.last_frame_url}
    return _without_nones(always) | {k: v for k, v in optional.items() if k in fixture.expect}


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _without_nones(pairs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def never_parses_a_refusal_as_a_job(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder, "parse_error"):
        for parse in (vendor.parse_submit, vendor.parse_status):
            assert _is_unexpected(parse, fixture.answer), f"{fixture.name} is also parsed by {parse.__name__}"


def _is_unexpected(parse: Callable[[Answer], object], answer: Answer) -> bool:
    try:
        parse(answer)
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


def junk_is_an_unexpected_answer_and_raises_nothing_else(vendor: Vendor, folder: Path) -> None:
    del folder
    for status in (200, 400, 404, 500, 503):
        for body in JUNK:
            _survives(vendor, Answer(status, body))


def survives_a_change_of_every_key(vendor: Vendor, folder: Path) -> None:
    """Remove each key of each known answer, or give it a value of another type."""
    for fixture in fixtures(folder):
        for body in _changed(fixture.answer.body):
            _survives(vendor, Answer(fixture.answer.status, body))


_OTHERS: tuple[Any, ...] = (None, "", "x", [], {}, 7, -1.5, True, [None], {"x": 1})


def _changed(body: Any) -> Iterator[Any]:
    if isinstance(body, dict):
        whole: dict[str, Any] = body  # pyright: ignore[reportUnknownVariableType]  (any JSON)
        for key, value in whole.items():
            yield {k: v for k, v in whole.items() if k != key}
            for other in (*_OTHERS, *_changed(value)):
                yield {**whole, key: other}
    elif isinstance(body, list):
        yield from ([other] for other in _OTHERS)


def _survives(vendor: Vendor, answer: Answer) -> None:
    for parse in (vendor.parse_submit, vendor.parse_status):
        try:
            parse(answer)
        except UnexpectedAnswer:
            pass
        except Exception as error:
            raise AssertionError(f"{parse.__name__} of {str(answer)[:200]} raised {error!r}") from error
    try:
        vendor.parse_error(answer)
    except Exception as error:
        raise AssertionError(f"parse_error of {str(answer)[:200]} raised {error!r}") from error


def a_finished_video_can_be_downloaded(vendor: Vendor, folder: Path) -> None:
    tasks = [
        vendor.parse_status(f.answer) for f in fixtures(folder, "parse_status") if f.expect["state"] == "succeeded"
    ]
    assert vendor.build_download or any(task.url for task in tasks)
    for task in tasks:
        assert task.url is None or task.url.startswith(("https://", "http://"))


def only_a_failure_has_a_reason(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder, "parse_status"):
        task = vendor.parse_status(fixture.answer)
        assert task.state in get_args(TaskState)
        assert (task.refusal is not None) == (task.state == "failed"), fixture.name
        assert task.url is None or task.state == "succeeded", fixture.name


def an_unknown_status_counts_as_running_unless_a_video_comes_with_it(vendor: Vendor, folder: Path) -> None:
    for fixture in fixtures(folder, "parse_status"):
        known = fixture.expect["vendor_status"]
        body = json.loads(json.dumps(fixture.answer.body).replace(json.dumps(known), '"a-future-status"'))
        task = vendor.parse_status(Answer(fixture.answer.status, body))
        state = "succeeded" if task.url else "running"
        assert (task.state, task.vendor_status) == (state, "a-future-status"), fixture.name


def quotes_a_task_id_in_a_path(vendor: Vendor, folder: Path) -> None:
    del folder
    for build in (vendor.build_status, vendor.build_download):
        if build is None:
            continue
        plain, odd = build("task-1_A.b"), build("a/b?c=d#e f")
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
        assert model.rows.keys() <= FIELDS.keys(), f"{model.id} has rows for unknown fields"
        assert model.summary
        assert model.modes


def sends_every_field_of_every_model(vendor: Vendor, folder: Path) -> None:
    del folder
    for model in vendor.models:
        for field, values in fields_of(model):
            bodies = [_body(vendor, model, args) for value in values for args in requests_with(model, field, value)]
            bodies = [b for b in bodies if b]
            assert bodies, f"{model.id} refuses every request with {field} {values}"
            assert len(values) == 1 or len(set(bodies)) > 1, f"{model.id} accepts {field} {values} but does not send it"


def no_legal_request_costs_nothing_or_less(vendor: Vendor, folder: Path) -> None:
    del folder
    for model in vendor.models:
        for field, values in fields_of(model):
            for value in values:
                for args in requests_with(model, field, value):
                    request = check(model, args).request
                    amount = price(request, {}).amount if request else None
                    assert amount is None or amount > 0, f"{model.id} costs {amount} with {args}"


def _body(vendor: Vendor, model: Model, args: dict[str, Any]) -> str:
    request = check(model, args).request
    if request is None:
        return ""
    call = vendor.build_submit(request)
    assert call.method == "POST"
    assert call.path.startswith("/")
    body = json.dumps(call.body, sort_keys=True)
    assert json.dumps(model.wire) in body
    assert "null" not in body, f"{model.id} sends a null: {body}"
    return body


CHECKS: tuple[Callable[[Vendor, Path], None], ...] = (
    has_an_answer_of_every_kind,
    parses_every_answer_as_expected,
    never_parses_a_refusal_as_a_job,
    junk_is_an_unexpected_answer_and_raises_nothing_else,
    survives_a_change_of_every_key,
    a_finished_video_can_be_downloaded,
    only_a_failure_has_a_reason,
    an_unknown_status_counts_as_running_unless_a_video_comes_with_it,
    quotes_a_task_id_in_a_path,
    describes_itself_and_its_models,
    sends_every_field_of_every_model,
    no_legal_request_costs_nothing_or_less,
)
